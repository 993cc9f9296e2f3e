"""From weights to records: an FDP of a moment's training, calibrated and run with its guard on the toy task."""

import hashlib
import json
import logging
from dataclasses import replace

import numpy as np
import pytest
from fdp_policies.checkpoints.policy_spec import architecture_of
from fdp_policies.config import DiffusionConfig, TrainingConfig
from fdp_policies.training.fit import fit
from fdp_policies.training.job import Job
from safetensors.numpy import load_file, save_file

from fdp_bench.api import PolicySpec
from fdp_bench.cli.main import main
from fdp_bench.demos.dataset import Demonstration, Demonstrations
from fdp_bench.records import RunStore, compare_records
from fdp_bench.toy import TOY_TASK, ToyEnv

logging.getLogger("matplotlib").setLevel(logging.ERROR)
pytestmark = pytest.mark.usefixtures("fakes")
RECIPE = TrainingConfig(
    num_demos=4, steps=30, warmup_steps=1, eval_every=15, batch_size=16, plateau_min_steps=1, eval_windows=16,
    precision="fp32", learning_rate=5e-3,
)  # fmt: skip


def demonstrate(index, length=20):
    env, rng = ToyEnv(), np.random.default_rng(index)
    seen, actions = [env.reset(seed=index)[0]], []
    for _ in range(length):
        actions.append(np.clip(8 * (env.target - env.gripper) + rng.normal(0, 0.3, 2), -1, 1))
        seen.append(env.step(actions[-1])[0])
    rows = {key: np.stack([each[key] for each in seen[:-1]]) for key in seen[0]}
    images = {key: rows[key] for key in rows if key.startswith("image.")}
    return Demonstration(f"demo_{index}", rows["prop"], images, np.array(actions, np.float32))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The weights of an FDP and its base."""
    task = replace(ToyEnv().task_info, task_id=TOY_TASK)
    architecture = architecture_of(PolicySpec("fdp", "prop>vision"), task)
    tiny = {"horizon": 4, "n_action_steps": 4, "width": 32, "depth": 2, "heads": 2, "feature_dim": 16}
    network = replace(architecture.network, **tiny, crop_size=24)
    demos = tuple(map(demonstrate, range(6)))
    names = [demo.name for demo in demos]
    shown = Demonstrations(TOY_TASK, "", demos, names[:4], names[4:], sha256="toy")
    out = tmp_path_factory.mktemp("weights")
    return fit(
        Job(replace(architecture, network=network), task, shown, DiffusionConfig(), RECIPE, "cpu", out)
    )


def calibrate(weights, episodes):
    command = ["calibrate", "--policy", f"fdp:prop>vision@{weights}", "--task", TOY_TASK]
    assert main([*command, "--episodes", str(episodes)]) == 0


@pytest.fixture(scope="module")
def guarded(weights):
    """The policy string with its guard, calibrated by the command."""
    calibrate(weights, 19)
    return f"fdp:prop>vision@{weights}?guard=on"


def run(out, *policies, options=()):
    command = ["run", "--task", TOY_TASK, "--shift", "dim@5", "--episodes", "6", "--out", str(out)]
    for policy in policies:
        command += ["--policy", policy]
    assert main([*command, "--workers", "1", *options]) == 0
    return RunStore.open(out)


def test_a_guarded_policy_runs_beside_the_plain_one_and_goes_on_only_with_its_calibration(
    weights, guarded, tmp_path, capsys
):
    plain = f"fdp:prop>vision@{weights}"
    store = run(tmp_path / "run", guarded, plain)

    records = {policy: [r for r in store.records() if r.spec.policy == policy] for policy in (guarded, plain)}
    assert len(records[guarded]) == len(records[plain]) == 12
    assert all(0.0 <= record.fallback_share <= 1.0 for record in records[guarded])
    assert all(record.fallback_share is None for record in records[plain])
    assert len({record.spec.checkpoint for every in records.values() for record in every}) == 2
    cards = {entry["spec"]: entry["card"] for entry in store.manifest().policies}
    assert cards[guarded]["guard"]["episodes"] == 19
    assert "guard" not in cards[plain]
    lines = store.episodes_path.read_text().splitlines(keepends=True)
    store.episodes_path.write_text("".join(lines[:-1]))
    calibrate(weights, 20)
    assert main(["run", "--resume", str(store.path)]) == 2
    assert "was started with other weights of" in capsys.readouterr().err


def test_guarded_records_depend_on_no_lane_and_on_no_inference_process(weights, guarded, tmp_path):
    calibration = weights.with_name("fdp-prop-vision.guard-ddim10.safetensors")
    card_path = calibration.with_suffix(".json")
    before = calibration.read_bytes(), card_path.read_bytes()
    tensors = load_file(calibration)
    # Where half of the clean chunks are unusual, rows of one batch go either way.
    tensors["thresholds"][:] = (-1.0, np.sqrt(len(tensors["mean"])) * 0.9)
    save_file(tensors, calibration)
    sha256 = hashlib.sha256(calibration.read_bytes()).hexdigest()
    card_path.write_text(json.dumps({**json.loads(card_path.read_text()), "tensors_sha256": sha256}))
    try:
        stores = [
            run(tmp_path / str(number), guarded, options=options)
            for number, options in enumerate((["--lanes", "4"], ["--lanes", "3", "--inference", "shared"]))
        ]
    finally:
        calibration.write_bytes(before[0])
        card_path.write_bytes(before[1])

    assert compare_records(*(store.path for store in stores)) == []
    by_id = [{record.spec.id: record.fallback_share for record in store.records()} for store in stores]
    assert by_id[0] == by_id[1]
    shares = list(by_id[0].values())
    assert 0.0 < np.mean(shares) < 1.0
    assert any(0.0 < share < 1.0 for share in shares)
