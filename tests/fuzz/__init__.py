"""Files and strings of strangers, by the ten thousand: does one raise a traceback, or run? ``python -m tests.fuzz``."""
