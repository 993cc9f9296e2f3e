"""Intervals, tests and design arithmetic for success rates: pure functions over counts and arrays.

Nothing here knows about robots or runs. Rates are fractions in [0, 1], never percentages. Nothing draws random
numbers but from a generator that it is handed.

Which method answers which question:

=====================================================  =====================================================
How often does this arm succeed?                       `wilson_interval`
How much better is one arm on the same episodes?       `paired_difference_interval` (Newcombe's method 10)
How much does a shift cost?                            the same, clean first, shifted second
Is there any difference at all?                        `exact_mcnemar`
... in a table of many such rows?                      `holm` over its p-values
Which difference could this design have seen?          `smallest_detectable_difference`
Which arm is better, stopping as soon as it is clear?  `SequentialComparison` (e-process)
How large is the difference, whenever one stops?       `paired_difference_sequence` (betting)
Is a candidate good enough for the gate?               `decide` (non-inferiority by a margin)
How does success fall over a shift's severities?       `severity_area`, `severity_area_difference`
What would other training seeds give? (3 or more)      `bootstrap_seeds` (mean, interquartile mean)
Is a training of X better than one of Y?               `probability_of_improvement`
What do more demonstrations bring?                     `data_efficiency_curve`
Does an episode repeat with the same streams?          `check_repeat`
How much does the policy's own noise change?           `measure_noise_floor`
=====================================================  =====================================================

Fewer than three training seeds carry no interval over seeds: `TooFewSeedsError`, and Wilson's over episodes is
what is left.
"""

from fdp_bench.stats.bootstrap import (
    MIN_SEEDS,
    SeedEstimate,
    TooFewSeedsError,
    bootstrap_seeds,
)
from fdp_bench.stats.confidence_sequence import paired_difference_sequence
from fdp_bench.stats.data_efficiency import (
    CurvePoint,
    TrainingResult,
    data_efficiency_curve,
)
from fdp_bench.stats.design import smallest_detectable_difference
from fdp_bench.stats.gate import GateDecision, decide
from fdp_bench.stats.improvement import probability_of_improvement
from fdp_bench.stats.multiplicity import holm
from fdp_bench.stats.noise import (
    NoiseFloor,
    RepeatCheck,
    check_repeat,
    measure_noise_floor,
    noise_quantile,
)
from fdp_bench.stats.paired import PairedCounts, count_pairs, exact_mcnemar, paired_difference_interval
from fdp_bench.stats.proportion import Interval, wilson_interval, wilson_mean_interval
from fdp_bench.stats.sequential import SequentialComparison, SequentialSummary, paired_e_value
from fdp_bench.stats.severity import SeverityArea, severity_area, severity_area_difference

__all__ = [
    "MIN_SEEDS",
    "CurvePoint",
    "GateDecision",
    "Interval",
    "NoiseFloor",
    "PairedCounts",
    "RepeatCheck",
    "SeedEstimate",
    "SequentialComparison",
    "SequentialSummary",
    "SeverityArea",
    "TooFewSeedsError",
    "TrainingResult",
    "bootstrap_seeds",
    "check_repeat",
    "count_pairs",
    "data_efficiency_curve",
    "decide",
    "exact_mcnemar",
    "holm",
    "measure_noise_floor",
    "noise_quantile",
    "paired_difference_interval",
    "paired_difference_sequence",
    "paired_e_value",
    "probability_of_improvement",
    "severity_area",
    "severity_area_difference",
    "smallest_detectable_difference",
    "wilson_interval",
    "wilson_mean_interval",
]
