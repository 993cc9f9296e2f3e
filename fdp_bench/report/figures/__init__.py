"""Plots, film strips and picture files of a report."""
