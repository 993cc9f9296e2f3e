"""``dp-unet``: Diffusion Policy as it was published, a 1-D U-Net (Chi et al. 2023, arXiv 2303.04137)."""

from typing import ClassVar

from fdp_policies.joint_policy import JointPolicy


class UnetDiffusionPolicy(JointPolicy):
    """Diffusion Policy's convolutional network, conditioned on all senses jointly.

    Encoders, normalizer, diffusion, loss and training are those of ``dp-dit``: the two differ in the denoising
    network alone.
    """

    summary: ClassVar[str] = "1-D convolutional U-Net of Diffusion Policy, conditioned on all senses jointly"
    bundled_tasks: ClassVar[tuple[str, ...] | None] = ("fdp_bench/Lift-v1", "fdp_bench/Can-v1")
