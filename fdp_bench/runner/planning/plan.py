"""From a configuration to the list of its episodes, in the order they are started."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any

from fdp_bench.api.episode import CLEAN, EpisodeSpec
from fdp_bench.api.errors import RunError, SpecError
from fdp_bench.api.training import Training
from fdp_bench.api.validation import check_fields
from fdp_bench.runner.config import RunConfig
from fdp_bench.specs import parse_shifts

#: Episodes of one arm that are planned before the next arm's turn, so that a run cut short holds pairs.
BLOCK = 10
#: Most episodes of a run: a plan lies in memory, and a manifest may come from a stranger.
MAX_EPISODES = 1_000_000
_SLUG_LENGTH = 80


@dataclass(frozen=True)
class Arm:
    """A policy under a shift.

    Attributes:
        policy: Canonical policy string.
        checkpoint: SHA-256 over the policy's weights; empty where it has none.
        shift: Canonical shift string, or ``"clean"``.
        severity: Severity of the first shift in (0, 1]; 0.0 for clean.
        slug: Name of the arm's files, unique in the run.
        train_demos: Demonstrations that the policy was trained on; None where nobody knows.
        train_seed: Seed of its training; None where nobody knows.
        variant: Training settings other than the recipe's, see `fdp_bench.api.Training`.
    """

    policy: str
    checkpoint: str
    shift: str
    severity: float
    slug: str
    train_demos: int | None = None
    train_seed: int | None = None
    variant: str = ""

    def to_json(self) -> dict[str, Any]:
        """JSON-ready dictionary."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Arm":
        """Inverse of `to_json`.

        Raises:
            RunError: If a field is missing or unknown, as in a run of another version, or of another type.
        """
        try:
            check_fields(cls, data, "arms[]")
        except ValueError as error:
            raise RunError(
                f"the run's manifest is of another version or damaged: {error}; start anew"
            ) from None
        return cls(**data)


def plan_arms(
    config: RunConfig, checkpoints: Mapping[str, str], trainings: Mapping[str, Training] | None = None
) -> tuple[Arm, ...]:
    """Every policy under no shift and under each shift.

    Args:
        config: The run.
        checkpoints: Policy string -> SHA-256 over its weights.
        trainings: Policy string -> what it was trained on, where that is known.
    """
    arms: list[Arm] = []
    slugs: set[str] = set()
    for policy in config.policies:
        trained = (trainings or {}).get(policy, Training())
        for shift in (CLEAN, *config.shifts):
            parsed = parse_shifts(shift)
            slug = _unique(f"{_slug(policy)}_{_slug(shift)}", slugs)
            slugs.add(slug)
            severity = parsed[0].severity if parsed else 0.0
            arms.append(
                Arm(
                    policy=policy,
                    checkpoint=checkpoints[policy],
                    shift=shift,
                    severity=severity,
                    slug=slug,
                    train_demos=trained.demos,
                    train_seed=trained.seed,
                    variant=trained.variant,
                )
            )
    return tuple(arms)


def plan_episodes(config: RunConfig, arms: Sequence[Arm]) -> tuple[EpisodeSpec, ...]:
    """All episodes: by policy, then by blocks of indices, then by arm, the clean one first.

    Raises:
        SpecError: If they are more than `MAX_EPISODES`.
    """
    if len(arms) * config.episodes > MAX_EPISODES:
        raise SpecError(
            f"{len(arms)} arms of {config.episodes:,} episodes are more than a run holds ({MAX_EPISODES:,}); "
            f"ask for {max(1, MAX_EPISODES // len(arms)):,} episodes at most"
        )
    episodes = []
    for _, group in groupby(arms, key=lambda arm: arm.policy):
        policy_arms = list(group)
        for start in range(0, config.episodes, BLOCK):
            indices = range(start, min(start + BLOCK, config.episodes))
            episodes += [_episode(config, arm, index) for arm in policy_arms for index in indices]
    return tuple(episodes)


def plan_retest(config: RunConfig, arms: Sequence[Arm]) -> tuple[EpisodeSpec, ...]:
    """Episodes to run again: the same indices of every arm, evenly spread; each as it was, then with fresh noise."""
    if not config.retest:
        return ()
    count = math.ceil(config.retest * config.episodes - 1e-9)
    chosen = {number * config.episodes // count for number in range(count)}
    again = [spec for spec in plan_episodes(config, arms) if spec.index in chosen]
    return tuple(spec for episode in again for spec in (episode, with_fresh_noise(episode)))


def with_fresh_noise(spec: EpisodeSpec) -> EpisodeSpec:
    """The same initial state and shift with another draw of the policy's noise."""
    return replace(spec, noise_seed=spec.noise_seed + 1)


def plan_chunks(episodes: Sequence[EpisodeSpec], size: int) -> list[tuple[EpisodeSpec, ...]]:
    """Split episodes into chunks of at most `size` that share a policy, in their order."""
    chunks = []
    for _, group in groupby(episodes, key=lambda spec: (spec.policy, spec.checkpoint)):
        members = tuple(group)
        chunks += [members[start : start + size] for start in range(0, len(members), size)]
    return chunks


def _episode(config: RunConfig, arm: Arm, index: int) -> EpisodeSpec:
    return EpisodeSpec(
        task=config.task,
        policy=arm.policy,
        checkpoint=arm.checkpoint,
        shift=arm.shift,
        severity=arm.severity,
        index=index,
        run_seed=config.seed,
        noise_seed=config.noise_seed,
        train_demos=arm.train_demos,
        train_seed=arm.train_seed,
        variant=arm.variant,
    )


def _slug(text: str) -> str:
    words = text.replace(">", "-over-").replace("+", "-and-")
    return re.sub(r"[^A-Za-z0-9.]+", "-", words).strip("-.")[:_SLUG_LENGTH]


def _unique(slug: str, taken: set[str]) -> str:
    number, candidate = 2, slug
    while candidate in taken:
        number, candidate = number + 1, f"{slug}-{number}"
    return candidate
