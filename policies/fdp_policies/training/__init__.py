"""Training from demonstrations: data, losses, one network's loop, and FDP's two phases. Needs no simulator."""
