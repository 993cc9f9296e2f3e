"""A child process: how it is started, its messages and its last output."""
