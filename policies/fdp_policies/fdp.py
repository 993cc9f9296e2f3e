"""``fdp``: Factorized Diffusion Policies (arXiv 2509.16830)."""

from collections.abc import Mapping
from typing import ClassVar

from fdp_bench.api import TaskInfo, TheoryCheck
from fdp_policies.checkpoints.policy_spec import GUARD_OPTION
from fdp_policies.guard.option import OFF, ON
from fdp_policies.guarded_diffusion import GuardedDiffusionPolicy


class FactorizedDiffusionPolicy(GuardedDiffusionPolicy):
    """FDP: a frozen base on the prioritized senses, and a residual on all of them."""

    summary: ClassVar[str] = (
        "factorized diffusion policy: frozen base on the prioritized senses plus residual on all"
    )
    listed_options: ClassVar[Mapping[str, tuple[str, ...]]] = {GUARD_OPTION: (OFF, ON)}

    @classmethod
    def orders(cls, task: TaskInfo) -> list[str]:
        """Each usual sense before each other one; any others can be named too."""
        names = list(task.usual_modalities)
        return [f"{first}>{second}" for first in names for second in names if first != second]

    @classmethod
    def check_theory(cls) -> TheoryCheck:
        """See `Policy.check_theory`: Theorem 1 of the paper."""
        from fdp_policies.diagnosis.theory import check_theorem

        return check_theorem()
