"""Making a calibration from clean episodes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fdp_bench.api import CALIBRATION_SEED, CalibrationRequest, Decision, Play, PlayedEpisode, Policy
from fdp_policies.guard.conformal import FALSE_ALARMS, Limits, Signals, conformal_limits, quantile_order
from fdp_policies.guard.distance import FeatureStatistics, fit_statistics
from fdp_policies.guard.stored import Calibration, CalibrationPlace

#: Success of a base, on clean episodes, below which falling back to it is warned of. Where a shift costs a policy its
#: senses, published arms of FDP keep 12% to 48% (DESIGN 11): a base that succeeds less often has nothing to offer them.
WEAK_BASE = 0.3

#: Maps decisions to watched features, shape (B, D), and the residual's contribution, (B,), None without a residual.
Measure = Callable[[Sequence[Decision]], tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]]


@dataclass(frozen=True)
class Measured:
    """A clean episode's signals before the distance is known.

    Attributes:
        success: Whether it succeeded.
        features: Watched features of each decision, shape (chunks, D).
        contributions: Contribution of each decision, shape (chunks,); None without a residual.
    """

    success: bool
    features: npt.NDArray[np.float32]
    contributions: npt.NDArray[np.float32] | None

    def signals(self, statistics: FeatureStatistics) -> Signals:
        """Its chunks' signals, shape (chunks, K)."""
        whitened = (self.features - statistics.mean) @ statistics.whitening.T
        distances = np.linalg.norm(whitened, axis=1)
        columns = [distances] if self.contributions is None else [self.contributions, distances]
        signals: Signals = np.stack(columns, axis=1).astype(np.float32)
        return signals


def calibrate_guard(
    place: CalibrationPlace,
    request: CalibrationRequest,
    play: Play,
    *,
    policy: Policy,
    measure: Measure,
    base: Policy,
    demonstrated: tuple[npt.NDArray[np.float32], str] | None = None,
) -> Calibration:
    """Play clean episodes without the guard and find its thresholds.

    Twice as many episodes are played as decide the thresholds. The first half are the reference: their chunks' features
    give mean and covariance (unless demonstrations do), and their signals the ranks. The second half are scored
    against it. So nothing that turns a scored episode into its score was fitted to scored episodes, and they are
    exchangeable with any later clean episode, as `conformal_limits` asks.

    Args:
        place: Where it goes, and what it holds for.
        request: How many episodes are scored.
        play: Plays clean episodes.
        policy: The policy without its guard.
        measure: Measures its signals.
        base: The base, alone.
        demonstrated: Watched features of training demonstrations, shape (N, D), and the demonstrations' hash.

    Raises:
        SpecError: If there are too few episodes.
    """
    quantile_order(request.episodes)
    episodes = request.episodes
    halves = range(episodes), range(episodes, 2 * episodes)
    reference, scored = ([*_measured(play(policy, half), measure)] for half in halves)
    features, data_sha256 = demonstrated or (np.concatenate([each.features for each in reference]), "")
    statistics = fit_statistics(features)
    pool = np.concatenate([each.signals(statistics) for each in reference])
    limits = conformal_limits([each.signals(statistics) for each in scored], pool)
    clean = {
        "policy": _successes([each.success for each in scored]),
        "base": _successes([each.success for each in play(base, halves[1])]),
    }
    tensors = {
        "mean": torch.from_numpy(statistics.mean),
        "whitening": torch.from_numpy(statistics.whitening),
        "thresholds": torch.from_numpy(limits.thresholds),
    }
    return place.save(tensors, _facts(place, request, statistics, limits, data_sha256, clean))


def agrees(calibration: Calibration, request: CalibrationRequest, data_sha256: str) -> bool:
    """Whether a calibration is what a request would make again."""
    card = calibration.card
    return bool((card["episodes"], card["data_sha256"]) == (request.episodes, data_sha256))


def described(calibration: Calibration) -> tuple[str, ...]:
    """What a user should know of a calibration, line by line."""
    card = calibration.card
    base, policy = (_share(card["clean_success"][name]) for name in ("base", "policy"))
    limits = calibration.tensors["thresholds"].tolist()
    above = [f"{name} > {limit:.3g}" for name, limit in zip(card["signals"], limits, strict=True)]
    from_where = "training demonstrations" if card["data_sha256"] else "reference episodes"
    episodes = card["episodes"]
    return (
        f"a chunk is the base's where {' and '.join(above)}",
        f"thresholds from {episodes} clean episodes (the {card['order']}th largest score from below), ranks from "
        f"{card['reference_episodes']} others, features from {from_where}",
        f"at most {FALSE_ALARMS:.0%} of clean episodes have such a chunk",
        f"clean success on those {episodes} episodes: {policy} unguarded, {base} the base alone",
    )


def _measured(episodes: Iterator[PlayedEpisode], measure: Measure) -> Iterator[Measured]:
    """Measure episodes as they come, so that their frames need not be kept; in the order of their indices."""
    found: dict[int, Measured] = {}
    for episode in episodes:
        features, contributions = measure(episode.decisions)
        found[episode.index] = Measured(episode.success, features, contributions)
    yield from (found[index] for index in sorted(found))


def _successes(outcomes: Sequence[bool]) -> dict[str, int]:
    return {"successes": sum(outcomes), "episodes": len(outcomes)}


def _share(entry: Any) -> str:
    return f"{entry['successes'] / entry['episodes']:.0%} ({entry['successes']} of {entry['episodes']})"


def _facts(
    place: CalibrationPlace,
    request: CalibrationRequest,
    statistics: FeatureStatistics,
    limits: Limits,
    data_sha256: str,
    clean: dict[str, dict[str, int]],
) -> dict[str, Any]:
    base = clean["base"]
    weak = base["successes"] < WEAK_BASE * base["episodes"]
    episodes = request.episodes
    return {
        "episodes": episodes,
        "reference_episodes": episodes,
        "run_seed": CALIBRATION_SEED,
        "reference_indices": [0, episodes - 1],
        "scored_indices": [episodes, 2 * episodes - 1],
        "false_alarms": FALSE_ALARMS,
        "order": limits.order,
        "level": limits.level,
        "thresholds": [float(value) for value in limits.thresholds],
        "feature_rows": statistics.rows,
        "shrinkage": statistics.shrinkage,
        "data_sha256": data_sha256,
        "clean_success": clean,
        "warnings": [_weak_base(place, base)] if weak else [],
        "remake": f"{place.command_by_name} --episodes {episodes}" + (" --data FILE" if data_sha256 else ""),
    }


def _weak_base(place: CalibrationPlace, base: dict[str, int]) -> str:
    return (
        f"the guard falls back to {place.option.base}, which alone succeeds in {_share(base)} of clean episodes (below "
        f"{WEAK_BASE:.0%}): it can rescue little, and where it acts wrongly it costs success"
    )
