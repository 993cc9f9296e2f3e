"""fdp-bench: how robot policies fare when one of their senses lies.

Importing this package registers the Gymnasium tasks lazily and imports nothing heavy: neither torch,
robosuite nor mujoco is loaded before an environment, a policy or a report is asked for.
"""

from fdp_bench.tasks.registration import register_with_gymnasium

__all__ = ["__version__"]
__version__ = "0.1.0"

register_with_gymnasium()
