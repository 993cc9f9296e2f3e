"""Pictures and tables of what a shift does at each severity."""
