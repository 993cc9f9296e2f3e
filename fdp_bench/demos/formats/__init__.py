"""Demonstrations of other programs: robomimic's and robosuite's HDF5, LeRobotDataset v3, Minari; see ../README.md."""
