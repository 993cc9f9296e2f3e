"""Intervals, paired tests and design arithmetic for success rates: pure functions over counts.

Nothing here knows about robots or runs. Rates are fractions in [0, 1], never percentages.
"""

from fdp_bench.stats.design import smallest_detectable_difference
from fdp_bench.stats.multiplicity import holm
from fdp_bench.stats.paired import PairedCounts, count_pairs, exact_mcnemar, paired_difference_interval
from fdp_bench.stats.proportion import Interval, wilson_interval

__all__ = [
    "Interval",
    "PairedCounts",
    "count_pairs",
    "exact_mcnemar",
    "holm",
    "paired_difference_interval",
    "smallest_detectable_difference",
    "wilson_interval",
]
