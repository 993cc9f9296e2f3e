"""Scripted experts, one per task: they read the simulator's state and act."""
