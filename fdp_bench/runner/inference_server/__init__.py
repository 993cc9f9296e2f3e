"""One process that runs the policies for all workers of a run."""
