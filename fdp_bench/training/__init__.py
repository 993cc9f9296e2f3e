"""Training as a list of jobs: which policies, on how many demonstrations, with which seeds, some at a time."""
