"""Intervals, paired tests and design arithmetic for success rates: pure functions over counts.

Nothing here knows about robots or runs. Rates are fractions in [0, 1], never percentages.
"""

from fdp_bench.stats.confidence_sequence import (
    difference_e_value,
    discordant_share_sequence,
    paired_difference_sequence,
)
from fdp_bench.stats.design import smallest_detectable_difference
from fdp_bench.stats.gate import GateDecision, decide
from fdp_bench.stats.multiplicity import holm
from fdp_bench.stats.noise import NoiseFloor, RepeatCheck, check_repeat, measure_noise_floor, noise_quantile
from fdp_bench.stats.paired import PairedCounts, count_pairs, exact_mcnemar, paired_difference_interval
from fdp_bench.stats.proportion import Interval, wilson_interval
from fdp_bench.stats.sequential import SequentialComparison, SequentialSummary, paired_e_value

__all__ = [
    "GateDecision",
    "Interval",
    "NoiseFloor",
    "PairedCounts",
    "RepeatCheck",
    "SequentialComparison",
    "SequentialSummary",
    "check_repeat",
    "count_pairs",
    "decide",
    "difference_e_value",
    "discordant_share_sequence",
    "exact_mcnemar",
    "holm",
    "measure_noise_floor",
    "noise_quantile",
    "paired_difference_interval",
    "paired_difference_sequence",
    "paired_e_value",
    "smallest_detectable_difference",
    "wilson_interval",
]
