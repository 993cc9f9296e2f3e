"""The error of the conformance checks."""


class ConformanceError(AssertionError):
    """A plugin breaks a rule; the message names the plugin, the rule and the remedy."""
