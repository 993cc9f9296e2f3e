"""Minari datasets: of the package's own tasks and of environments with a task map."""
