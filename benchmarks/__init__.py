"""What the project claims of its speed, measured: one script a claim, ours and the peer in turn in one run."""
