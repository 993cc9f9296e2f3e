"""Weights on disk: their header and card, what determines them, and which file a policy string means."""
