"""Which arms of two runs meet, and on which episodes.

Episodes of two policies have different ids. What pairs them is what both share: task, seed of the run, index, and shift
with severity, which fix the initial state and everything that the shift draws (common random numbers).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from fdp_bench.api.episode import bare_policy
from fdp_bench.api.errors import RunError
from fdp_bench.gate.compared_run import ArmOutcomes, ComparedRun, Outcome
from fdp_bench.stats.paired import PairedCounts, count_pairs


@dataclass(frozen=True)
class Flip:
    """An episode whose outcome differs.

    Attributes:
        index: Its index.
        id: The candidate's id of it.
        gained: Whether it went from failure to success.
    """

    index: int
    id: str
    gained: bool


@dataclass(frozen=True)
class PairedArm:
    """One shift, seen by both sides.

    Attributes:
        baseline: The baseline's episodes.
        candidate: The candidate's.
    """

    baseline: ArmOutcomes
    candidate: ArmOutcomes

    @property
    def shift(self) -> str:
        """Canonical shift string."""
        return self.baseline.shift

    @property
    def name(self) -> str:
        """Policy and shift, for instance ``"dp-dit, occlusion@3"``."""
        return f"{self.candidate.policy}, {self.shift}"

    @cached_property
    def indices(self) -> tuple[int, ...]:
        """Indices that both sides have run, rising."""
        return tuple(sorted({*self.baseline.outcomes} & {*self.candidate.outcomes}))

    @cached_property
    def pairs(self) -> tuple[tuple[Outcome, Outcome], ...]:
        """(baseline, candidate) for each common index."""
        return tuple((self.baseline.outcomes[i], self.candidate.outcomes[i]) for i in self.indices)

    @cached_property
    def counts(self) -> PairedCounts:
        """The 2x2 table, the candidate first, so that its difference is candidate minus baseline."""
        return count_pairs([ours.success for _, ours in self.pairs], [was.success for was, _ in self.pairs])

    def flips(self) -> list[Flip]:
        """Episodes whose outcome differs, lost ones first, each kind by index."""
        found = [
            Flip(index, ours.id, ours.success)
            for index, (was, ours) in zip(self.indices, self.pairs, strict=True)
            if was.success != ours.success
        ]
        return sorted(found, key=lambda flip: (flip.gained, flip.index))


def pair_arms(baseline: ComparedRun, candidate: ComparedRun) -> tuple[PairedArm, ...]:
    """Pair the arms that both sides have, in the baseline's order.

    A policy meets itself: the same string, else the same string but for the path of its weights. Where one policy is
    left on each side, these two meet.

    Raises:
        RunError: If several policies are left on a side and nothing says which should meet.
    """
    partners = match_policies(baseline.policies, candidate.policies)
    theirs = {(arm.policy, arm.shift): arm for arm in candidate.arms}
    found = []
    for arm in baseline.arms:
        other = theirs.get((partners.get(arm.policy, ""), arm.shift))
        if other is not None:
            found.append(PairedArm(arm, other))
    return tuple(found)


def match_policies(baseline: Sequence[str], candidate: Sequence[str]) -> dict[str, str]:
    """Baseline's policy -> the candidate's that it is compared with. See `pair_arms`.

    Raises:
        RunError: If several policies are left on a side and nothing says which should meet.
    """
    partners: dict[str, str] = {}
    ways: tuple[Callable[[str], str], ...] = (str, bare_policy)
    for key in ways:
        left = _by_key([text for text in baseline if text not in partners], key)
        right = _by_key([text for text in candidate if text not in partners.values()], key)
        partners |= {left[name]: right[name] for name in left if name in right}
    ours = [text for text in baseline if text not in partners]
    others = [text for text in candidate if text not in partners.values()]
    if len(ours) == len(others) == 1:
        partners[ours[0]] = others[0]
    if not partners:
        raise RunError(
            f"which policies should meet? the baseline holds {', '.join(baseline)}, the candidate "
            f"{', '.join(candidate)}; name one each: --baseline-policy SPEC --candidate-policy SPEC"
        )
    return partners


def _by_key(policies: Sequence[str], key: Callable[[str], str]) -> dict[str, str]:
    """Key -> policy, for keys that only one policy has."""
    keys = [key(text) for text in policies]
    return {name: text for name, text in zip(keys, policies, strict=True) if keys.count(name) == 1}
