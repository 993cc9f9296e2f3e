"""What a policy listens to, and which documented failures it shows: `fdp-bench diagnose`."""
