"""Made-up episodes for tests of the file formats: no simulator, no camera."""

from pathlib import Path

import numpy as np

from fdp_bench.demos.recording.recorded_episode import RecordedEpisode
from fdp_bench.demos.robomimic import write_hdf5

#: What `prop` is when an episode of Lift begins.
HOME = (
    *(0.0181, 0.2068, -0.0044, -2.6181, 0.0031, 2.9556, 0.8322),
    *(-0.1027, 0.006, 1.0078, 0.9977, -0.0177, 0.0653, -0.0019, 0.0208, -0.0208),
)
HEADER = {"task_id": "fdp_bench/Lift-v1", "profile": "fast", "seed": 0, "format": 1}


def made_up_episode(seed: int, steps: int = 9, lead_in_steps: int = 0) -> RecordedEpisode:
    rng = np.random.default_rng(seed)
    return RecordedEpisode(
        states=rng.standard_normal((steps, 32)),
        actions=rng.uniform(-1, 1, (steps, 7)).astype(np.float32),
        rewards=np.ones(steps, np.float32),
        prop=rng.standard_normal((steps, 16)).astype(np.float32),
        images={
            key: rng.integers(0, 256, (steps, 12, 12, 3), dtype=np.uint8)
            for key in ("image.agentview", "image.wrist")
        },
        tactile=rng.uniform(-5, 5, (steps, 12)).astype(np.float32),
        lead_in_steps=lead_in_steps,
        model_file="<mujoco/>",
    )


def still_arm(seed: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """``prop`` and actions of an arm that hardly moves: the actions can lead to the motion, and no two are equal."""
    rng = np.random.default_rng(seed)
    prop = np.array(HOME) + rng.normal(0.0, 1e-4, (steps, len(HOME)))
    return prop.astype(np.float32), rng.uniform(-0.01, 0.01, (steps, 7)).astype(np.float32)


def write_made_up(path: Path, episodes: list[RecordedEpisode], **header: object) -> Path:
    write_hdf5(
        path, episodes, {"env_name": "Lift", "type": 1, "env_kwargs": {}, "fdp_bench": {**HEADER, **header}}
    )
    return path
