"""Tables behind the curves: success over severity, over demonstrations, and over both.

Rates are fractions. A point pools the training seeds of one series; its interval is over training seeds where
there are enough of them, else over episodes.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fdp_bench.api import CLEAN, LEVELS
from fdp_bench.report.layout import split_shift
from fdp_bench.report.trainings import TRAIN_DEMOS, TRAIN_SEED, PolicyKey, Training, name_series, recipe_of
from fdp_bench.stats import wilson_interval
from fdp_bench.stats.bootstrap import MIN_RUNS, bootstrap_interval

if TYPE_CHECKING:
    import pandas

#: What every point of every curve states, beside its place.
POINT_COLUMNS = ("train_seeds", "episodes", "successes", "success_rate", "low", "high", "interval")
SEVERITY_COLUMNS = ("task", "shift", "series", "level", *POINT_COLUMNS)
EFFICIENCY_COLUMNS = ("task", "shift", "severity", "series", "train_demos", *POINT_COLUMNS)
SURFACE_COLUMNS = ("task", "shift", "series", "train_demos", "level", *POINT_COLUMNS)
ABLATION_COLUMNS = ("task", "shift", "severity", "family", "variant", *POINT_COLUMNS)
WILSON, BOOTSTRAP = "Wilson", "bootstrap over training seeds"

Trainings = Mapping[PolicyKey, Training]
