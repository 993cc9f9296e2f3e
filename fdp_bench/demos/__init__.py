"""Demonstrations: scripted experts, their collection, the dataset file. Imports no simulator."""
