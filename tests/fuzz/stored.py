"""What is left of work half done, and demonstrations stored as a policy."""

import hashlib
import io
import json
import random
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from fdp_bench.api import PolicySpec, RunError
from fdp_bench.demos.demo_episode import RecordedEpisode
from fdp_bench.demos.recording.attempt_store import AttemptStore
from fdp_bench.suites.estimate import SECONDS_A_STEP, measure_pace

from .mutate import ODD, mutate_bytes, mutate_data
from .specs import LIFT

HEADER = {"task_id": "fdp_bench/Lift-v1", "seed": 0, "format": 1, "versions": {"mujoco": "3.9.0"}}
MACHINE = {"cpu": "a processor", "cores": 2}


@lru_cache(maxsize=1)
def attempt_sample() -> bytes:
    """One short attempt that was kept."""
    rng = np.random.default_rng(0)
    store = AttemptStore(Path("sample-of-attempts"), HEADER)
    store.add(
        0,
        RecordedEpisode(
            states=rng.standard_normal((5, 4)),
            actions=rng.uniform(-1, 1, (5, 7)).astype(np.float32),
            rewards=np.ones(5, np.float32),
            prop=rng.standard_normal((5, 16)).astype(np.float32),
            tactile=rng.standard_normal((5, 12)).astype(np.float32),
            images={"image.wrist": rng.integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)},
            lead_in_steps=1,
            model_file="<mujoco/>",
        ),
    )
    return next(store.folder.glob("*.npz")).read_bytes()


def read_unfinished(seed: int) -> None:
    """Spoil a half-made collection, its header, bytes or members, or a sweep's journal, and go on with it."""
    rng = random.Random(seed)
    if rng.random() < 0.2:
        _read_journal(rng)
        return
    folder = Path("collection")
    folder.mkdir(exist_ok=True)
    header, attempt = folder / "collection.json", folder / "attempt_000000.npz"
    text = json.dumps(HEADER, indent=1, sort_keys=True)
    header.write_text(text)
    attempt.write_bytes(attempt_sample())
    way = rng.random()
    if way < 0.3:
        spoiled = json.dumps(mutate_data(HEADER, rng)).encode("utf-8", "replace")
        header.write_bytes(rng.choice((spoiled, mutate_bytes(text.encode(), rng))))
    elif way < 0.7:
        attempt.write_bytes(mutate_bytes(attempt_sample(), rng))
    else:
        _spoil_member(attempt, rng)
    store = AttemptStore(folder, HEADER)
    if store.is_kept(0):
        list(store.episodes([0]))


def _spoil_member(path: Path, rng: random.Random) -> None:
    with zipfile.ZipFile(io.BytesIO(attempt_sample())) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(list(members))
    if rng.random() < 0.3:
        buffer = io.BytesIO()
        np.save(buffer, np.array([rng.choice(ODD), None], dtype=object), allow_pickle=True)
        members[name] = buffer.getvalue()
    elif rng.random() < 0.3:
        del members[name]
    else:
        members[name] = mutate_bytes(members[name], rng)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for member, held in members.items():
            out.writestr(member, held)


def _read_journal(rng: random.Random) -> None:
    journal = {"trainings": [{"steps": 1000, "wall_time_s": 300.0, "machine": MACHINE}] * 2}
    path = Path("sweep.json")
    if rng.random() < 0.3:
        path.write_bytes(mutate_bytes(json.dumps(journal).encode(), rng))
    else:
        path.write_text(json.dumps(mutate_data(journal, rng)), encoding="utf-8")
    if measure_pace([path], [], MACHINE).step_s == SECONDS_A_STEP:
        raise RunError("a journal that tells no pace")


@lru_cache(maxsize=1)
def replay_sample() -> tuple[bytes, str]:
    """Four demonstrations stored as the policy ``replay``, and their card."""
    from fdp_policies import replay
    from safetensors.numpy import save

    rng = np.random.default_rng(0)
    tensors = {
        "actions": rng.uniform(-1, 1, (4, 9, LIFT.action_dim)).astype(np.float32),
        "lengths": np.array([9, 5, 7, 8]),
    }
    for key in LIFT.observation_shapes:
        size = len(replay._features(key, np.zeros(LIFT.observation_shapes[key], np.uint8)))
        tensors |= {key: rng.random((4, size), np.float32), f"scale.{key}": np.ones(1, np.float32)}
    card = {
        "policy": "replay",
        "task_id": LIFT.task_id,
        "train_demos": 4,
        "data_sha256": "ab",
        "train_seed": 0,
    }
    return save(tensors), json.dumps(card)


def read_replay(seed: int) -> None:
    """Spoil stored demonstrations, their bytes, numbers or header, or their card, and act on them."""
    from fdp_policies.replay import ReplayPolicy
    from safetensors.numpy import load, save

    rng = random.Random(seed)
    payload, text = replay_sample()
    card = json.loads(text)
    way = rng.random()
    if way < 0.2:
        payload = mutate_bytes(payload, rng)
    elif way < 0.5:
        tensors = load(payload)
        spoiled = tensors[rng.choice(sorted(tensors))]
        odd = (-1, 0, 1, 10, 2**62) if spoiled.dtype.kind == "i" else (np.nan, np.inf, -1.0, 0.0, 3e38)
        spoiled.flat[rng.randrange(spoiled.size)] = rng.choice(odd)
        payload = save(tensors)
    elif way < 0.7:
        length = int.from_bytes(payload[:8], "little")
        header = json.dumps(mutate_data(json.loads(payload[8 : 8 + length]), rng)).encode("utf-8", "replace")
        payload = len(header).to_bytes(8, "little") + header + payload[8 + length :]
    card["weights_sha256"] = hashlib.sha256(payload).hexdigest()
    if way >= 0.7:
        card = mutate_data(card, rng)
    path = Path("replay.safetensors")
    path.write_bytes(payload)
    path.with_suffix(".json").write_text(json.dumps(card), encoding="utf-8")
    spec = PolicySpec("replay", checkpoint=str(path))
    ReplayPolicy.weights(spec, LIFT)
    policy = ReplayPolicy(spec, LIFT)
    observation = {
        key: np.zeros((1, 1, *LIFT.observation_shapes[key]), np.uint8 if "." in key else np.float32)
        for key in LIFT.observation_shapes
    }
    actions = policy.act(observation, np.zeros((1,), np.float32))
    assert actions.shape == (1, LIFT.horizon, LIFT.action_dim)
    assert np.isfinite(actions).all()
