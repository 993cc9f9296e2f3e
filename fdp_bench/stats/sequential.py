"""Compare two arms pair by pair and stop as soon as one is better: valid however often one looks.

A p-value of fixed size that is looked at after every episode calls equal arms different far more often than
it says. An e-process does not: it is a bet's fortune, which does not grow on average while the arms are
equal, so by Ville's inequality (J. Ville, "Etude critique de la notion de collectif", 1939) it ever reaches
1/alpha with a probability of at most alpha.
"""

import math
from dataclasses import dataclass
from typing import Literal

from scipy.special import betaln

from fdp_bench.stats.confidence_sequence import paired_difference_sequence
from fdp_bench.stats.paired import PairedCounts
from fdp_bench.stats.proportion import Interval

#: Which arm is better.
Winner = Literal["first", "second"]
#: Natural logarithm up to which `math.exp` stays finite.
_LARGEST_LOGARITHM = 700.0


def paired_e_value(counts: PairedCounts) -> float:
    r"""Evidence against equal rates from the pairs that disagree; may be looked at after every pair.

    Under equal rates each disagreeing pair is a fair coin. Betting on a coin of share theta multiplies the
    fortune by 2 theta or 2 (1 - theta); spreading the stake evenly over all theta in (0, 1) gives, after x and
    y disagreeing pairs,

        e = 2^(x + y) B(1 + x, 1 + y),

    the mixture martingale of H. Robbins, "Statistical methods related to the law of the iterated logarithm",
    Annals of Mathematical Statistics 41 (1970) 1397-1409. The even spread was chosen over Beta(a, a) with a of
    0.5, 2, 5 and 10 by the median number of disagreeing pairs until e reaches 20 when one arm wins a share of
    them (4,000 simulated comparisons each):

        share won   a = 0.5    1    2    5   10
        1.0               7    8    9   12   15
        0.9              12   12   13   15   20
        0.8              19   19   22   23   28
        0.7              51   47   47   47   53
        0.6             224  201  183  174  174

    Args:
        counts: The pairs seen so far.

    Returns:
        The e-value, above 0 and 1 before any pair disagrees; capped at e^700.
    """
    return math.exp(min(_log_e_value(counts.only_first, counts.only_second), _LARGEST_LOGARITHM))


def _log_e_value(only_first: int, only_second: int) -> float:
    disagreeing = only_first + only_second
    return float(disagreeing * math.log(2.0) + betaln(1 + only_first, 1 + only_second))


@dataclass(frozen=True)
class SequentialSummary:
    """Where a sequential comparison stands.

    Attributes:
        counts: All pairs seen.
        alpha: Bound on the chance of ever deciding while the arms are equal.
        e_value: Evidence now, against 1/alpha.
        p_value: Anytime-valid p-value, 1 over the largest e-value so far, at most 1.
        interval: First rate minus second rate: confidence sequence at 1 - alpha, valid at any stop.
        winner: The better arm, None while undecided.
        decided_at: Number of pairs after which the decision fell, None while undecided.
    """

    counts: PairedCounts
    alpha: float
    e_value: float
    p_value: float
    interval: Interval
    winner: Winner | None
    decided_at: int | None

    def __str__(self) -> str:
        """One sentence, differences in percentage points."""
        return self.describe()

    def describe(self, first: str = "the first", second: str = "the second") -> str:
        """One sentence with the arms' names, differences in percentage points."""
        counts, (low, high) = self.counts, (100 * end for end in self.interval)
        pairs = "1 pair" if counts.pairs == 1 else f"{counts.pairs} pairs"
        if self.winner is None:
            verdict = f"undecided after {pairs}"
        else:
            better = first if self.winner == "first" else second
            verdict = f"{better} is better, decided after {self.decided_at} pairs"
        return (
            f"{verdict}: of {pairs}, only {first} succeeded in {counts.only_first}, only {second} in "
            f"{counts.only_second}; e-value {self.e_value:.3g} (decided at {1 / self.alpha:g}); difference "
            f"between {low:+.0f} and {high:+.0f} points ({1 - self.alpha:.0%} confidence sequence)"
        )


class SequentialComparison:
    """Two arms on the same episodes, compared after each pair until one is better.

    Feed the pairs in an order that does not depend on their outcomes, such as that of the episodes' indices.
    Whoever stops on `decided`, at a budget, or for any other reason keeps these guarantees:

    - equal arms are ever called different with a probability of at most `alpha`;
    - whatever the truth, the worse arm is ever called the better one with a probability of at most `alpha`.
      The part of the stake that is on the right side, at least half of all, only falls on average when the
      truth lies on the other side or in the middle, and the wrong winner would have had to make it 1/alpha
      times as large.

    A Wilson or Newcombe interval or a McNemar p-value of episodes that were stopped this way is not valid;
    `SequentialSummary.interval` and `SequentialSummary.p_value` are.
    """

    def __init__(self, alpha: float = 0.05) -> None:
        """Start with no pairs.

        Args:
            alpha: Bound on the chance of a false decision, in (0, 1).

        Raises:
            ValueError: If `alpha` is out of range.
        """
        if not 0.0 < alpha < 1.0:
            raise ValueError(f"alpha {alpha!r} is outside (0, 1)")
        self.alpha = alpha
        self._counts = PairedCounts(0, 0, 0, 0)
        self._largest_log_e_value = 0.0
        self._winner: Winner | None = None
        self._decided_at: int | None = None

    def update(self, first: bool, second: bool) -> bool:
        """Add the next pair.

        Args:
            first: Whether the first arm succeeded.
            second: Whether the second arm succeeded on the same episode.

        Returns:
            Whether the comparison is now decided. A decision stands, whatever pairs follow it.
        """
        seen = self._counts
        self._counts = PairedCounts(
            both=seen.both + bool(first and second),
            only_first=seen.only_first + bool(first and not second),
            only_second=seen.only_second + bool(second and not first),
            neither=seen.neither + (not first and not second),
        )
        won, lost = self._counts.only_first, self._counts.only_second
        log_e_value = _log_e_value(won, lost)
        self._largest_log_e_value = max(self._largest_log_e_value, log_e_value)
        if self._winner is None and log_e_value >= -math.log(self.alpha):
            self._winner = "first" if won > lost else "second"
            self._decided_at = self.n
        return self.decided

    @property
    def counts(self) -> PairedCounts:
        """All pairs seen so far."""
        return self._counts

    @property
    def n(self) -> int:
        """Number of pairs seen so far."""
        return self._counts.pairs

    @property
    def e_value(self) -> float:
        """Evidence against equal rates now; the decision falls when it first reaches 1 / `alpha`."""
        return paired_e_value(self._counts)

    @property
    def p_value(self) -> float:
        """Anytime-valid p-value, in [0, 1]: 1 over the largest e-value so far."""
        return math.exp(-self._largest_log_e_value)

    @property
    def decided(self) -> bool:
        """Whether one arm was found better."""
        return self._winner is not None

    @property
    def winner(self) -> Winner | None:
        """The better arm, ``"first"`` or ``"second"``; None while undecided."""
        return self._winner

    @property
    def decided_at(self) -> int | None:
        """Number of pairs after which the decision fell; None while undecided."""
        return self._decided_at

    def interval(self) -> Interval:
        """First rate minus second rate, a confidence sequence at 1 - `alpha`: valid at any stop."""
        return paired_difference_sequence(self._counts, 1.0 - self.alpha)

    def summary(self) -> SequentialSummary:
        """Where the comparison stands, as a value that prints as one sentence."""
        return SequentialSummary(
            counts=self._counts,
            alpha=self.alpha,
            e_value=self.e_value,
            p_value=self.p_value,
            interval=self.interval(),
            winner=self._winner,
            decided_at=self._decided_at,
        )
