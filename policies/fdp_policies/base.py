"""``base``: the base of an FDP without its residual."""

from typing import ClassVar

from fdp_bench.api import TaskInfo
from fdp_policies.diffusion_policy import DiffusionPolicy


class BaseDiffusionPolicy(DiffusionPolicy):
    """The base of an FDP alone: it reads the prioritized senses and nothing else."""

    summary: ClassVar[str] = "diffusion transformer on the named senses alone: the base of an FDP"

    @classmethod
    def orders(cls, task: TaskInfo) -> list[str]:
        """Each usual sense alone; any others can be named too."""
        return list(task.usual_modalities)
