"""How far a policy's actions move when a sense is taken from it, seeing the same otherwise and with the same noise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api import Contribution, Inspector, ModalityMap, Observation, PluginError, noise_stream
from fdp_bench.diagnose.conditions import AS_IT_IS, FRESH_NOISE, Condition, altered_observation
from fdp_bench.diagnose.decisions import ROWS, Decision, Decisions

Actions = npt.NDArray[np.float32]

#: Resamples of the bootstrap over episodes.
_RESAMPLES = 2_000
#: Decisions on which a residual's contribution is traced.
TRACED = 64


@dataclass(frozen=True)
class ActionChange:
    """How far actions moved under a condition.

    Attributes:
        condition: Name of the condition.
        change: Root mean square of the change over that of the actions' own spread over all decisions; 0 for none,
            about 1.4 for actions that have nothing to do with the unaltered ones.
        low: Lower end of the 95% bootstrap interval over episodes.
        high: Upper end.
    """

    condition: str
    change: float
    low: float
    high: float


def action_changes(
    inspector: Inspector,
    decisions: Decisions,
    conditions: Sequence[Condition],
    modalities: ModalityMap,
    seed: int,
) -> list[ActionChange]:
    """Ask for the same decisions under each condition, and with another draw of the noise.

    Args:
        inspector: The policy. One that remembers earlier decisions is asked as if it had just begun.
        decisions: What it saw.
        conditions: The conditions; the unaltered one is left out of the answer.
        modalities: The task's modality map.
        seed: Seed of the other draw.
    """
    unaltered = _answers(inspector, decisions, AS_IT_IS, modalities, seed)
    episodes = np.array([episode for episode, _, _ in decisions.rows()])
    spread = _squares(unaltered - unaltered.mean(0))
    asked = [condition for condition in conditions if condition != AS_IT_IS]
    if inspector.noise_shape:
        asked.append(FRESH_NOISE)
    found = []
    for condition in asked:
        answers = _answers(inspector, decisions, condition, modalities, seed)
        found.append(_change(condition.name, _squares(answers - unaltered), spread, episodes))
    return found


def contributions(
    inspector: Inspector, decisions: Decisions, conditions: Sequence[Condition], modalities: ModalityMap
) -> dict[str, Contribution]:
    """What the residual adds under each condition that leaves it in, on decisions spread over all episodes.

    Returns:
        Name of the condition -> contribution; empty without a residual.
    """
    rows = list(decisions.rows())
    chosen = [rows[int(at)] for at in np.linspace(0, len(rows) - 1, min(TRACED, len(rows)))]
    found: dict[str, Contribution] = {}
    for condition in conditions:
        if condition.base_only:
            continue
        seen = [_seen(decisions, row, condition, modalities) for row in chosen]
        noise = np.stack([decision.noise for _, _, decision in chosen])
        traced = inspector.contribution(_stacked(seen), noise, masked=condition.masked)
        if traced is not None:
            found[condition.name] = traced
    return found


def _answers(
    inspector: Inspector,
    decisions: Decisions,
    condition: Condition,
    modalities: ModalityMap,
    seed: int,
) -> Actions:
    """Actions at every decision, shape (decisions, n_action_steps, A)."""
    parts = []
    for rows in _batches(list(decisions.rows())):
        # Always the same number of rows: the last one fills up.
        padded = [*rows, *[rows[-1]] * (ROWS - len(rows))]
        seen = [_seen(decisions, row, condition, modalities) for row in padded]
        noise = np.stack([_noise(row, condition, inspector.noise_shape, seed) for row in padded])
        parts.append(_asked(inspector, condition, _stacked(seen), noise)[: len(rows)])
    return np.concatenate(parts)


def _asked(
    inspector: Inspector, condition: Condition, seen: Observation, noise: npt.NDArray[np.float32]
) -> Actions:
    """Actions in [-1, 1], as they would be executed."""
    try:
        inspector.reset(np.arange(ROWS))
        actions = inspector.act(seen, noise, masked=condition.masked, base_only=condition.base_only)
        return np.clip(np.asarray(actions), -1.0, 1.0)
    except Exception as error:
        raise PluginError(
            f"the policy fails when it is asked with its senses {condition.name}: {type(error).__name__}: {error}"
        ) from error


def _noise(
    row: tuple[int, int, Decision], condition: Condition, shape: tuple[int, ...], seed: int
) -> npt.NDArray[np.float32]:
    episode, _, decision = row
    if not condition.fresh_noise:
        return decision.noise
    return noise_stream(seed, episode, decision.step, 1).standard_normal(shape, dtype=np.float32)


def _seen(
    decisions: Decisions, row: tuple[int, int, Decision], condition: Condition, modalities: ModalityMap
) -> Observation:
    episode, number, decision = row
    donor = decisions.donor(episode, number)
    return altered_observation(decision.observation, donor.observation, condition, modalities)


def _batches(
    rows: list[tuple[int, int, Decision]],
) -> Iterator[list[tuple[int, int, Decision]]]:
    for begin in range(0, len(rows), ROWS):
        yield rows[begin : begin + ROWS]


def _stacked(seen: Sequence[Observation]) -> Observation:
    return {key: np.stack([each[key] for each in seen]) for key in seen[0]}


def _squares(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Sum of squares of each decision, shape (decisions,)."""
    squares: npt.NDArray[np.float64] = (values.astype(np.float64) ** 2).sum(axis=(1, 2))
    return squares


def _change(
    name: str,
    moved: npt.NDArray[np.float64],
    spread: npt.NDArray[np.float64],
    episodes: npt.NDArray[np.int64],
) -> ActionChange:
    # Decisions of one episode resemble each other, so whole episodes are resampled.
    sums = np.array(
        [[part[episodes == each].sum() for part in (moved, spread)] for each in np.unique(episodes)]
    )
    if sums[:, 1].sum() == 0.0:
        # A policy that always does the same: any change is beyond measure, none is none.
        size = 0.0 if moved.sum() == 0.0 else float("inf")
        return ActionChange(name, size, size, size)
    rng = np.random.default_rng(0)
    picks = sums[rng.integers(len(sums), size=(_RESAMPLES, len(sums)))].sum(1)
    ratios = np.sqrt(picks[:, 0] / np.maximum(picks[:, 1], np.finfo(np.float64).tiny))
    low, high = np.quantile(ratios, [0.025, 0.975])
    return ActionChange(name, float(np.sqrt(moved.sum() / spread.sum())), float(low), float(high))
