"""Puts this folder on the import path, so that the tests of its sub-folders find their helpers."""
