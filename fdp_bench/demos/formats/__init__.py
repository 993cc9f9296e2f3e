"""Demonstrations of other programs: robomimic and robosuite HDF5, LeRobotDataset v3, Minari."""
