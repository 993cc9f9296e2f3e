"""Names of the render profiles; `fdp_bench.sim.drawn` says what they are."""

#: The first is the default.
PROFILES = ("fast", "reference")
