"""The shifts that come with fdp-bench, one file each."""
