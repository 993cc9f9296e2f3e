"""HDF5 files of robomimic and robosuite: reading, and replaying their states."""
