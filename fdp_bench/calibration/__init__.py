"""Calibrating policies on clean episodes that no run plays."""
