"""From a checkpoint to actions."""
