"""What `fdp-bench diagnose` asks of these policies: conditions, contributions, losses, and the score identity."""
