"""``dp-dit``: one diffusion transformer on all senses."""

from typing import ClassVar

from fdp_policies.joint_policy import JointPolicy


class JointDiffusionPolicy(JointPolicy):
    """DP-DiT: one diffusion transformer conditioned on all senses jointly."""

    summary: ClassVar[str] = "diffusion transformer conditioned on all senses jointly"
