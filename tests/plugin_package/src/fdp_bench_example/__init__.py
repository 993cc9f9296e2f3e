"""An example plugin of fdp-bench: the shift ``fog`` and the policy ``waver``."""
