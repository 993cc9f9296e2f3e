"""A policy's guard calibrated: what is there kept, demonstrations read, signals measured."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from fdp_bench.api import (
    Calibrated,
    CalibrationRequest,
    CheckpointError,
    Decision,
    Play,
    Policy,
    TaskInfo,
)
from fdp_bench.demos.dataset import load_demonstrations, require_senses
from fdp_policies.acting.chunk_sampler import ChunkSampler
from fdp_policies.guard.calibrating import agrees, calibrate_guard, described
from fdp_policies.guard.stored import CalibrationPlace
from fdp_policies.training.data import WindowDataset

#: Rows that signals are measured for at once.
_ROWS = 16
#: Windows of demonstrations that are encoded at once.
_WINDOWS = 64


def calibrate_policy(
    place: CalibrationPlace,
    request: CalibrationRequest,
    play: Play,
    *,
    policy: Policy,
    sampler: ChunkSampler,
    base: Policy,
    train_demos: int | None,
) -> Calibrated:
    """Calibrate a policy; what is there for an equal request is kept.

    Args:
        place: Where its calibration lies, and what that has to hold for.
        request: How.
        play: Plays clean episodes.
        policy: The policy without its guard.
        sampler: What samples its chunks.
        base: The base, alone.
        train_demos: Demonstrations that the policy was trained on; None where nobody knows.

    Raises:
        SpecError: If there are too few episodes.
        DatasetError: If demonstrations are given and cannot be used.
    """
    keys = place.option.keys(place.task)
    demonstrated = None
    if request.data is not None:
        demonstrated = _demonstrated(request.data, sampler, keys, place.task, train_demos)
    data_sha256 = demonstrated[1] if demonstrated else ""
    # One that is damaged, or holds for weights that were here before, is made anew.
    with suppress(CheckpointError):
        found = place.open()
        if agrees(found, request, data_sha256):
            return Calibrated(str(place.spec), False, described(found), found.warnings)

    def measure(
        decisions: Sequence[Decision],
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
        return measure_decisions(sampler, keys, decisions)

    made = calibrate_guard(
        place, request, play, policy=policy, measure=measure, base=base, demonstrated=demonstrated
    )
    return Calibrated(str(place.spec), True, described(made), made.warnings)


def measure_decisions(
    sampler: ChunkSampler, keys: tuple[str, ...], decisions: Sequence[Decision]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
    """Watched features, shape (B, D), and the residual's contribution, (B,), None without a residual."""
    features, contributions = [], []
    for begin in range(0, len(decisions), _ROWS):
        rows = decisions[begin : begin + _ROWS]
        # Always the same number of rows: products round by shape.
        padded = [*rows, *[rows[-1]] * (_ROWS - len(rows))]
        observation = {key: np.stack([row.observation[key] for row in padded]) for key in sampler.keys}
        found, added = sampler.signals(observation, np.stack([row.noise for row in padded]), keys)
        features.append(found[: len(rows)])
        if added is not None:
            contributions.append(added[: len(rows)])
    return np.concatenate(features), np.concatenate(contributions) if contributions else None


def _demonstrated(
    data: Path, sampler: ChunkSampler, keys: tuple[str, ...], task: TaskInfo, train_demos: int | None
) -> tuple[npt.NDArray[np.float32], str]:
    """Watched features of the training demonstrations' windows, shape (N, D), and the demonstrations' hash."""
    loaded = load_demonstrations(data, task_id=task.task_id, num_demos=train_demos)
    require_senses(loaded, sampler.keys)
    train = loaded.subset(loaded.train)
    windows = WindowDataset(train, sampler.stored_normalizer, sampler.network, sampler.device)
    parts = []
    for begin in range(0, len(windows), _WINDOWS):
        rows = torch.arange(begin, min(begin + _WINDOWS, len(windows)))
        parts.append(sampler.features(windows.batch(rows, sampler.keys, None).observation, keys))
    return np.concatenate(parts), loaded.sha256
