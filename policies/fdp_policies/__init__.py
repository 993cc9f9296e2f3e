"""Factorized Diffusion Policies and their rivals: networks, samplers, training and bundled weights.

Importing this package imports nothing; `fdp_policies.plugins` is what the entry points name.
"""
