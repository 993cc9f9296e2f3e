"""Modality dropout: senses taken away at random while training (ModDrop, Neverova et al. 2016, arXiv 1501.00102).

The usual way to a joint policy that bears the loss of a sense, and so the rival that a factorized one has to beat. A
factorized policy's residual can be trained so, too: its secondary senses go, its base keeps the prioritized ones.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fdp_bench.api import ModalityMap
from fdp_policies.training.data import Batch


@dataclass(frozen=True)
class Dropout:
    """Which senses go, and how often.

    Attributes:
        probability: Chance of each sense of each window to go, in (0, 1).
        modalities: The senses that may go.
        keeps_one: Whether a window that would lose all of them keeps one, drawn with equal chances.
    """

    probability: float
    modalities: tuple[str, ...]
    keeps_one: bool


def drop_modalities(
    batch: Batch, modalities: ModalityMap, dropout: Dropout, generator: torch.Generator
) -> Batch:
    """Replace senses by their normalized zero, which is mid-grey for pictures, window by window and independently.

    Args:
        batch: Normalized windows.
        modalities: Modality -> its observation keys.
        dropout: What may go.
        generator: CPU generator of the draws.

    Returns:
        A new batch; the given one stays as it is.
    """
    groups = [[key for key in modalities[name] if key in batch.observation] for name in dropout.modalities]
    groups = [keys for keys in groups if keys]
    drawn = torch.rand((len(batch.actions), len(groups)), generator=generator)
    kept = drawn >= dropout.probability
    if dropout.keeps_one:
        kept[torch.arange(len(drawn)), drawn.argmax(1)] = True
    observation = dict(batch.observation)
    for index, keys in enumerate(groups):
        for key in keys:
            observation[key] = _where(kept[:, index].to(observation[key].device), observation[key])
    return Batch(observation, batch.actions)


def _where(kept: Tensor, values: Tensor) -> Tensor:
    """Values of the rows that are kept, zeros in the others."""
    return torch.where(kept.view(-1, *(1,) * (values.dim() - 1)), values, torch.zeros_like(values))
