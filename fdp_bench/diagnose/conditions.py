"""The conditions under which a policy is asked: as it is, and with one sense masked, swapped or dark."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fdp_bench.api import Inspector, ModalityMap, Observation, image_keys

#: Batched or single observations: key -> array.
Arrays = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class Condition:
    """What is done to a policy and its senses before it acts.

    Attributes:
        name: In words, unique among a policy's conditions.
        masked: Modalities replaced by the middle of their normalized range, by the policy itself.
        swapped: Modalities taken from another episode at the same control step.
        dark: Modalities of cameras alone whose frames are black.
        base_only: Whether the residual is left out.
        fresh_noise: Whether the policy's noise is drawn anew: what is no condition of a sense, but its yardstick.
    """

    name: str
    masked: tuple[str, ...] = ()
    swapped: tuple[str, ...] = ()
    dark: tuple[str, ...] = ()
    base_only: bool = False
    fresh_noise: bool = False

    @property
    def altered(self) -> tuple[str, ...]:
        """The modalities that it touches."""
        return self.masked + self.swapped + self.dark


AS_IT_IS = Condition("as it is")
BASE_ALONE = Condition("base alone", base_only=True)
FRESH_NOISE = Condition("other noise draw", fresh_noise=True)


def conditions_of(inspector: Inspector, modalities: ModalityMap) -> tuple[Condition, ...]:
    """All conditions that a policy can be asked under, the unaltered one first.

    Args:
        inspector: The policy.
        modalities: The task's modality map.
    """
    found = [AS_IT_IS]
    if inspector.secondary:
        found.append(BASE_ALONE)
    for name in inspector.modalities:
        if inspector.masks:
            found.append(Condition(f"{name} masked", masked=(name,)))
        found.append(Condition(f"{name} swapped", swapped=(name,)))
        if set(modalities[name]) == set(image_keys(modalities[name])):
            found.append(Condition(f"{name} black", dark=(name,)))
    return tuple(found)


def altered_observation(
    observation: Arrays, donor: Arrays, condition: Condition, modalities: ModalityMap
) -> Observation:
    """An observation with its senses swapped or blackened; masking is the policy's own business.

    Args:
        observation: Key -> array.
        donor: What another episode showed at the same step; read only for swapped modalities.
        condition: What is to be done.
        modalities: The task's modality map.

    Returns:
        A new dictionary; untouched keys share their arrays.
    """
    altered = dict(observation)
    for key in _keys(condition.swapped, modalities, observation):
        altered[key] = donor[key]
    for key in _keys(condition.dark, modalities, observation):
        altered[key] = np.zeros_like(observation[key])
    return altered


def donor_of(index: int, episodes: int) -> int:
    """The episode whose senses episode `index` is given: half the way round, never itself for two and more."""
    return (index + episodes // 2) % episodes


def _keys(names: Sequence[str], modalities: ModalityMap, observation: Iterable[str]) -> list[str]:
    present = set(observation)
    return [key for name in names for key in modalities[name] if key in present]
