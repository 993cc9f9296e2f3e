"""Modality dropout: senses taken away at random while training (ModDrop, Neverova et al. 2016, arXiv 1501.00102).

The usual way to a joint policy that bears the loss of a sense, and so the rival that a factorized one has to beat.
"""

import torch
from torch import Tensor

from fdp_bench.api import ModalityMap
from fdp_policies.training.data import Batch


def drop_modalities(
    batch: Batch, modalities: ModalityMap, probability: float, generator: torch.Generator
) -> Batch:
    """Replace senses by their normalized zero, which is mid-grey for pictures, window by window.

    Each sense of each window goes independently; a window that would lose all keeps one, drawn with equal chances.

    Args:
        batch: Normalized windows.
        modalities: Modality -> its observation keys.
        probability: Chance of each sense to go, in [0, 1).
        generator: CPU generator of the draws.

    Returns:
        A new batch; the given one stays as it is.
    """
    groups = [[key for key in keys if key in batch.observation] for keys in modalities.values()]
    groups = [keys for keys in groups if keys]
    drawn = torch.rand((len(batch.actions), len(groups)), generator=generator)
    kept = drawn >= probability
    kept[torch.arange(len(drawn)), drawn.argmax(1)] = True
    observation = dict(batch.observation)
    for index, keys in enumerate(groups):
        for key in keys:
            observation[key] = _where(kept[:, index].to(observation[key].device), observation[key])
    return Batch(observation, batch.actions)


def _where(kept: Tensor, values: Tensor) -> Tensor:
    """Values of the rows that are kept, zeros in the others."""
    return torch.where(kept.view(-1, *(1,) * (values.dim() - 1)), values, torch.zeros_like(values))
