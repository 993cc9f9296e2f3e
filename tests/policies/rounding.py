"""Equal up to rounding, by how far rounding moves the plain computation itself on the machine that runs the test.

A sum's last bits depend on the order of its terms, which libraries choose by processor and by shape. So no tolerance is
written down here: the plain modules are run in float32, on all rows at once and on one row at a time, and in float64,
and what is held to them may lie a few times as far away as they do from one another.
"""

import copy
from contextlib import contextmanager
from unittest import mock

import numpy as np
import torch
from fdp_policies.diffusion import NoiseSchedule

#: Times the plain modules' own rounding.
TIMES = 5
#: Eight steps of float32 at 1, where few roundings happen at all: 5e-8 m of the 5 cm that an action of 1 moves an arm.
FLOOR = 2.0**-20


def assert_equal_to_rounding(found, plain, exact, given, *, quantiles=(1.0,)):
    """Fail unless `found` equals what `plain` makes of `given`, up to rounding.

    Args:
        found: What is tested, shape (B, ...).
        plain: Maps observation and noise of any rows to what is expected of them, in float32.
        exact: Maps them to the same in float64.
        given: Observation, key -> (B, ...), and noise, (B, ...).
        quantiles: Of the rows, each by its largest difference: all of them, unless the sampler amplifies what some of
            them happen to round.
    """
    expected, truth = np.asarray(plain(*given)), np.asarray(exact(*given))
    lone = np.concatenate([plain(*rows_of(given, [row])) for row in range(len(expected))])
    rounding = np.maximum(largest(expected - truth), largest(lone - truth))
    difference = largest(np.asarray(found) - expected)
    for share in quantiles:
        allowed = TIMES * np.quantile(rounding, share) + FLOOR
        assert np.quantile(difference, share) <= allowed, f"quantile {share} of the rows: {difference}"


def largest(differences):
    """The largest absolute value of each row, shape (B,)."""
    return np.abs(differences).reshape(len(differences), -1).max(1)


def rows_of(given, rows):
    """Some rows of observation and noise."""
    observation, noise = given
    return {key: value[rows] for key, value in observation.items()}, noise[rows]


def in_parts(act, given, size):
    """Actions, asked for so many rows at a time."""
    starts = range(0, len(given[1]), size)
    return np.concatenate([act(*rows_of(given, slice(start, start + size))) for start in starts])


def exactly(sampler):
    """A `ChunkSampler`'s plain path in float64, but for what is returned."""
    twin = copy.copy(sampler)
    twin.denoiser = copy.deepcopy(sampler.denoiser).double()

    def act(observation, noise):
        with float64():
            return twin.act_plainly(observation, noise.astype(np.float64))

    return act


def gentle_schedule(config):
    """A noise schedule that begins with some signal left.

    The real one divides by 5e-5 in its first step, which a trained network bears and a random one does not: there a
    rounding can become anything within the clip.
    """
    schedule = NoiseSchedule(config)
    schedule.alphas_cumprod.clamp_(min=0.02)
    return schedule


@contextmanager
def float64():
    """Casts to float32 are casts to float64."""
    with mock.patch.object(torch.Tensor, "float", torch.Tensor.double):
        yield
