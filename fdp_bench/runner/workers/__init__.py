"""Worker processes on this machine, and the supervision that retries lost episodes."""
