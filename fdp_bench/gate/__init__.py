"""Two runs against each other: what may be compared, the paired table, and the verdict that a CI job makes of it."""
