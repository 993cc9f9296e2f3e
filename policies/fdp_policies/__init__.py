"""Factorized Diffusion Policies and their rivals: networks, samplers, training and bundled weights.

Importing this package imports nothing; the entry points name a module for each policy.
"""
