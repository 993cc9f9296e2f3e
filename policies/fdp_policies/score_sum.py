"""``score-sum``: policies on one sense each, trained apart, whose scores are summed when they act (MCDP).

Cao et al. 2025, "Modality-Composable Diffusion Policy via Inference-Time Distribution-level Composition",
arXiv 2503.12466.
"""

from typing import ClassVar

from fdp_policies.diffusion_policy import ExpertsPolicy


class ScoreSumPolicy(ExpertsPolicy):
    """MCDP: the noise that each expert predicts, summed under fixed weights that add up to one.

    The paper compares weights that were chosen by hand; here they are those that predict the noise of held-out
    demonstrations best (`fdp_policies.training.weighing`), so that nobody's success rate chose them. The paper composes
    policies on RGB pictures and on point clouds; experts here read any senses of a task.
    """

    summary: ClassVar[str] = (
        "unimodal diffusion policies trained apart, their scores summed at test time (MCDP)"
    )
