"""``router``: one diffusion policy a sense, and a network that learns how far to follow each (policy consensus).

Chen et al. 2025, "Multi-Modal Manipulation via Multi-Modal Policy Consensus", arXiv 2509.23468.
"""

from typing import ClassVar

from fdp_policies.diffusion_policy import ExpertsPolicy


class RouterPolicy(ExpertsPolicy):
    """Policy consensus: experts' noise predictions under a softmax of what a small network makes of all senses.

    The network reads the experts' own codes of the observation, once an action chunk, and is trained by the
    noise-prediction loss on the training demonstrations while the experts stay frozen. The authors' code trains both
    at once or the network alone, and gives each expert the robot's state too, which is
    ``router:prop+vision,prop+tactile`` here.
    """

    summary: ClassVar[str] = (
        "one diffusion policy a sense under weights that a learned consensus finds each time"
    )
    bundled_tasks: ClassVar[tuple[str, ...] | None] = ()
