"""Readers of HDF5 and NumPy files that refuse links, pickles and sizes that would exhaust memory."""
