"""Stepping episodes in one process: environments, policies, recording, contract checks."""
