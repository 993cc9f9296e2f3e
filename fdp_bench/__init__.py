"""fdp-bench: how robot policies fare when one of their senses lies.

Importing this package registers the Gymnasium tasks lazily and imports nothing heavy: neither torch,
robosuite nor mujoco is loaded before an environment, a policy or a report is asked for.
"""

__version__ = "0.1.0"
