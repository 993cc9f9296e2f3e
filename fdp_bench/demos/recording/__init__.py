"""Collecting demonstrations with the scripted experts, and what a file says about how it was recorded."""
