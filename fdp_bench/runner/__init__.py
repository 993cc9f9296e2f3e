"""Running episodes: a configuration becomes a plan, the plan episodes, the episodes records."""
