"""Random streams: every random number of an episode comes from (run seed, index, name).

The streams depend neither on the policy nor on the shift, so that arms are compared under common random
numbers (docs/design.md, "Determinism").
"""

import zlib

import numpy as np

#: Name of the way from (run seed, index, name) to random numbers; runs of different ones share no episode.
SEED_PROTOCOL = "seed-sequence/1"
#: Run seed of the clean episodes that policies are calibrated on. It is the largest seed, and runs refuse it, so that
#: no result is measured on an episode that set a threshold.
CALIBRATION_SEED = 2**63 - 1
#: Stream that seeds ``env.reset(seed=...)``.
INITIAL_STATE = "initial-state"
#: Stream handed to shifts through ``env.reset(options={"shift_seed": ...})``.
SHIFT = "shift"
#: Stream of the policy's noise; keyed further by the replan step.
POLICY_NOISE = "policy-noise"


def stream_seed(run_seed: int, index: int, name: str, *more: int) -> np.random.SeedSequence:
    """Seed sequence of one named stream of one episode.

    Args:
        run_seed: Seed of the run, >= 0.
        index: Index of the episode, >= 0.
        name: Name of the stream.
        *more: Further keys, each >= 0, for instance the control step of a replan.

    Returns:
        A seed sequence that depends on nothing but the arguments.
    """
    return np.random.SeedSequence([run_seed, index, zlib.crc32(name.encode()), *more])


def stream(run_seed: int, index: int, name: str, *more: int) -> np.random.Generator:
    """Random generator of one named stream of one episode. See `stream_seed`."""
    return np.random.Generator(np.random.PCG64(stream_seed(run_seed, index, name, *more)))


def stream_int(run_seed: int, index: int, name: str, *more: int) -> int:
    """A 32-bit seed, in [0, 2**32), drawn from a named stream. See `stream_seed`."""
    return int(stream_seed(run_seed, index, name, *more).generate_state(1)[0])


def noise_stream(run_seed: int, index: int, step: int, noise_seed: int = 0) -> np.random.Generator:
    """Random generator of the policy's noise for one decision of one episode.

    Args:
        run_seed: Seed of the run, >= 0.
        index: Index of the episode, >= 0.
        step: Control step of the decision, >= 0.
        noise_seed: Which draw of the noise, >= 0; initial state and shift do not depend on it.
    """
    more = (step, noise_seed) if noise_seed else (step,)
    return stream(run_seed, index, POLICY_NOISE, *more)
