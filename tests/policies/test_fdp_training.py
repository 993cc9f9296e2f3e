import json
import logging
import shutil
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from fdp_policies.acting.chunk_sampler import load_denoiser
from fdp_policies.checkpoints.checkpoint import Checkpoint, state_sha256
from fdp_policies.config import TrainingConfig
from fdp_policies.training.fit import fit
from fdp_policies.training.phase_log import PhaseLog
from fdp_policies.training.resume import save_state
from fdp_policies.training.schedule import LAST_FIFTH, NONE, PhasePlan, learning_rate, reached_plateau
from fdp_policies.training.warnings import (
    changed_base_warning,
    lazy_residual_warning,
    overfitted_warning,
)
from safetensors.torch import save_file

from fdp_bench.api import CheckpointError

logging.getLogger("matplotlib").setLevel(logging.ERROR)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def trained_fdp(make_job, trained):
    """An FDP trained long enough on the toy world to need its camera; made once a module."""
    job = make_job(
        "fdp", "prop>vision", out=trained, steps=700, eval_every=50, warmup_steps=30, learning_rate=2e-3
    )
    return job, Checkpoint.open(fit(job))


def test_residual_trains_and_brings_the_heldout_loss_below_the_bases(trained_fdp):
    _, checkpoint = trained_fdp
    assert checkpoint.card["heldout_loss"] < 0.8 * checkpoint.base.card["heldout_loss"]


def test_residual_and_zero_layers_move(trained_fdp):
    _, checkpoint = trained_fdp
    tensors = checkpoint.tensors()
    assert all(tensors[f"zero_layers.{i}.weight"].abs().max() > 1e-3 for i in range(3))
    assert any(name.startswith("residual.encoder") for name in tensors)


def test_trained_residual_listens_to_its_secondary_sense(trained_fdp):
    _, checkpoint = trained_fdp
    low, _, _ = checkpoint.card["senses"]["rise"]["vision"]
    assert low > 0.05
    assert not checkpoint.card["warnings"]


def test_base_weights_are_those_of_its_own_checkpoint_after_residual_training(trained_fdp):
    _, checkpoint = trained_fdp
    assert checkpoint.base.path.name == "base-prop.safetensors"
    rounded = state_sha256(checkpoint.base.tensors())
    assert checkpoint.card["base"]["frozen_state_sha256"] == rounded
    assert state_sha256(load_denoiser(checkpoint, "cpu").base.state_dict()) == rounded


def test_two_policies_share_one_stored_base(trained_fdp, make_job):
    job, checkpoint = trained_fdp
    written = checkpoint.base.path.stat().st_mtime_ns
    base_job = make_job(
        "base", "prop", out=job.out, steps=700, eval_every=50, warmup_steps=30, learning_rate=2e-3
    )
    assert fit(base_job) == checkpoint.base.path
    assert checkpoint.base.path.stat().st_mtime_ns == written


def test_checkpoint_of_other_settings_is_not_overwritten(trained_fdp, make_job):
    job, _ = trained_fdp
    with pytest.raises(CheckpointError, match="other data or settings"):
        fit(make_job("base", "prop", out=job.out, steps=701))


def test_log_and_plot_lie_beside_the_checkpoint(trained_fdp):
    _, checkpoint = trained_fdp
    header = checkpoint.path.with_suffix(".csv").read_text().splitlines()[0].split(",")
    assert {"heldout_loss", "shuffled_vision", "masked_vision", "rise_vision_low"} <= set(header)
    assert checkpoint.path.with_suffix(".png").stat().st_size > 10_000


def test_score_composition_trains_too(make_job, tmp_path):
    path = fit(make_job("fdp", "vision>prop", composition="score"))
    assert path.name == "fdp-vision-prop-score.safetensors"
    assert Checkpoint.open(path).card["composition"] == "score"


class KilledError(Exception):
    pass


@contextmanager
def killed(phase, steps):
    """Let the training inside die once a phase has kept its state after so many steps."""

    def save_then_die(folder, step, name, log, identity):
        save_state(folder, step, name, log, identity)
        if name == phase and log.steps == steps:
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fdp_policies.training.phase.save_state", save_then_die)
        try:
            yield
        except KilledError:
            return
    pytest.fail("the training was not killed")


@pytest.mark.parametrize("kill_at", [20, 30])
def test_resumed_training_ends_with_the_weights_of_an_uninterrupted_one(make_job, tmp_path, kill_at):
    whole = fit(make_job("fdp", "prop>vision", out=tmp_path / "whole"))
    cut = make_job("fdp", "prop>vision", out=tmp_path / "cut")
    with killed("residual", kill_at - 10):
        fit(cut)
    assert fit(cut).read_bytes() == whole.read_bytes()
    assert not (cut.out / "resume" / "fdp-prop-vision").exists()


@pytest.mark.parametrize("phase", ["base", "residual"])
@pytest.mark.parametrize(
    "changed", [{"seed": 7}, {"learning_rate": 1e-3}, {"loss_weight": "plain"}, {"steps": 60}]
)
def test_a_training_is_not_resumed_with_other_settings(make_job, tmp_path, phase, changed):
    with killed(phase, 10):
        fit(make_job("fdp", "prop>vision", out=tmp_path))
    other = make_job("fdp", "prop>vision", out=tmp_path, **changed)
    if phase == "residual":
        # The base is there and finished; only its own settings would be refused.
        other = replace(other, training=replace(other.training, base_steps=20))
    with pytest.raises(
        CheckpointError, match=r"was begun with other data or settings|made from other data or settings"
    ):
        fit(other)


def test_a_training_is_not_resumed_on_other_demonstrations(make_job, tmp_path):
    job = make_job("dp-dit", out=tmp_path)
    with killed("joint", 10):
        fit(job)
    with pytest.raises(CheckpointError, match=r"data_sha256 was toy, now other"):
        fit(replace(job, demonstrations=replace(job.demonstrations, sha256="other")))
    assert (tmp_path / "resume" / "dp-dit" / "joint.json").is_file()


def test_a_base_is_resumed_whatever_its_residual_is_to_be(make_job, tmp_path):
    with killed("base", 10):
        fit(make_job("fdp", "prop>vision", out=tmp_path))
    fit(make_job("fdp", "prop>vision", out=tmp_path, zero_init=False))


def test_equal_seeds_give_equal_weights_and_others_others(make_job, tmp_path):
    first, again, other = (
        fit(make_job("dp-dit", out=tmp_path / name, seed=seed))
        for name, seed in [("a", 0), ("b", 0), ("c", 1)]
    )
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != other.read_bytes()


def test_changed_base_is_found_when_it_is_not_frozen(make_job):
    card = json.loads(fit(make_job("fdp", "prop>vision", freeze_base=False)).with_suffix(".json").read_text())
    assert any(warning.startswith("base not frozen") for warning in card["warnings"])
    assert not changed_base_warning("a", "a")


def test_untrained_residual_is_called_lazy(make_job):
    card = json.loads(
        fit(make_job("fdp", "prop>vision", learning_rate=1e-9)).with_suffix(".json").read_text()
    )
    assert any(warning.startswith("lazy residual") for warning in card["warnings"])


def test_lazy_rule_wants_an_interval_clear_of_zero_and_a_rise_of_five_percent():
    def senses(low, high):
        return {"rise": {"vision": (low, (low + high) / 2, high)}}

    assert lazy_residual_warning(senses(-0.01, 0.4), ("vision",), 20)
    assert lazy_residual_warning(senses(0.01, 0.04), ("vision",), 20)
    assert not lazy_residual_warning(senses(0.01, 0.2), ("vision",), 20)


def test_over_two_demonstrations_nobody_is_called_lazy():
    (warning,) = lazy_residual_warning({"rise": {"vision": (-0.1, 0.0, 0.1)}}, ("vision",), 2)
    assert warning.startswith("cannot tell whether the residual is lazy: only 2 demonstrations")


def test_overfitted_base_is_found_by_its_rising_loss():
    rows = [{"step": step, "heldout_loss": loss} for step, loss in [(10, 0.5), (20, 0.2), (30, 0.22)]]
    assert overfitted_warning(PhaseLog(rows=rows), "base")
    assert not overfitted_warning(PhaseLog(rows=rows[:2]), "base")


def test_a_joint_policy_that_overfits_is_warned_of(make_job):
    # Two demonstrations learned by heart.
    job = make_job("dp-dit", steps=400, eval_every=40, learning_rate=3e-3)
    few = replace(job.demonstrations, train=job.demonstrations.train[:1], sha256="few")
    card = Checkpoint.open(fit(replace(job, demonstrations=few))).card
    assert any(warning.startswith("overfitted joint policy") for warning in card["warnings"])


def test_plateau_compares_last_fifth_with_what_was_before():
    config = TrainingConfig(plateau_min_steps=100)
    falling = [(step, 1.0 / step) for step in range(100, 1100, 100)]
    flat = [(step, max(0.002, 1.0 / step)) for step in range(100, 1100, 100)]
    assert not reached_plateau(falling, config)
    assert reached_plateau(flat, config)
    assert not reached_plateau(flat, TrainingConfig(plateau_min_steps=2000))


def test_learning_rate_warms_up_and_decays_for_a_phase_of_known_length(make_job):
    config = TrainingConfig(steps=1000, warmup_steps=100)
    joint = PhasePlan("joint", ("prop",), 1000, False, 0)
    base = PhasePlan("base", ("prop",), 1000, True, 0, NONE)
    assert learning_rate(0, joint, config) == pytest.approx(config.learning_rate / 100)
    assert learning_rate(100, joint, config) == pytest.approx(config.learning_rate)
    final = config.learning_rate * config.final_learning_rate_fraction
    assert learning_rate(1000, joint, config) == pytest.approx(final)
    assert learning_rate(900, base, config) == pytest.approx(config.learning_rate)


def test_learning_rate_falls_over_the_last_fifth_from_the_plateau_on():
    config = TrainingConfig(warmup_steps=10)
    plan = PhasePlan("base", ("prop",), 1000, True, 0, LAST_FIFTH)
    final = config.learning_rate * config.final_learning_rate_fraction
    assert learning_rate(799, plan, config) == pytest.approx(config.learning_rate)
    assert learning_rate(1000, plan, config) == pytest.approx(final)
    assert learning_rate(400, plan, config, decay_from=400) == pytest.approx(config.learning_rate)
    assert learning_rate(500, plan, config, decay_from=400) == pytest.approx(final)


def test_random_crops_are_cut_from_the_frame_and_evaluation_crops_from_its_centre(make_job, demonstrations):
    from fdp_policies.training.data import WindowDataset, fit_normalizer

    demos = demonstrations.subset(demonstrations.train[:2])
    data = WindowDataset(demos, fit_normalizer(demos), make_job("dp-dit").network, "cpu")
    windows = torch.tensor([0, 5, 15])
    centre = data.batch(windows, ["image.agentview"], None).observation["image.agentview"]
    frame = torch.from_numpy(demos[0].images["image.agentview"][5]).float() / 127.5 - 1
    torch.testing.assert_close(centre[1, 3:], frame[2:18, 2:18].permute(2, 0, 1))
    torch.testing.assert_close(centre[1, :3], frame[2:18, 2:18].permute(2, 0, 1))
    crops = data.batch(windows, ["image.agentview"], torch.Generator().manual_seed(0))
    crop = crops.observation["image.agentview"][1, 3:]
    offsets = [
        (top, left)
        for top in range(5)
        for left in range(5)
        if torch.allclose(crop, frame[top : top + 16, left : left + 16].permute(2, 0, 1), atol=1e-5)
    ]
    assert offsets


def test_windows_repeat_the_first_observation_and_the_last_action(make_job, demonstrations):
    from fdp_policies.training.data import WindowDataset, fit_normalizer

    demos = demonstrations.subset(demonstrations.train[:2])
    data = WindowDataset(demos, fit_normalizer(demos), make_job("dp-dit").network, "cpu")
    assert data.observed[12].tolist() == [12, 12]
    assert data.observed[13].tolist() == [12, 13]
    assert data.executed[11].tolist() == [11, 11, 11, 11]
    assert data.executed[12].tolist() == [12, 13, 14, 15]


def relog(path, log):
    path.write_text(json.dumps({**json.loads(path.read_text()), "log": log}))


DAMAGES = (
    lambda folder: (folder / "residual.json").write_text("{"),
    lambda folder: relog(folder / "residual.json", {"steps": "ten"}),
    lambda folder: relog(folder / "residual.json", {"steps": 10, "unknown": 1}),
    lambda folder: (folder / "residual-10.safetensors").write_bytes(b"no weights"),
    lambda folder: (folder / "residual-10.safetensors").unlink(),
    lambda folder: save_file({}, folder / "residual-10.safetensors"),
)


def test_a_damaged_half_of_a_training_is_one_error(make_job, tmp_path):
    with killed("residual", 10):
        fit(make_job("fdp", "prop>vision", out=tmp_path / "half"))
    for number, damage in enumerate(DAMAGES):
        out = tmp_path / str(number)
        shutil.copytree(tmp_path / "half", out)
        damage(out / "resume" / "fdp-prop-vision")
        with pytest.raises(CheckpointError, match=r"delete it to train from the start|is malformed"):
            fit(make_job("fdp", "prop>vision", out=out))


@pytest.mark.parametrize(
    "log", [None, [], {"rows": 3}, {"rows": [{}]}, {"rows": [{"step": "x", "heldout_loss": 1.0}]}]
)
def test_a_log_of_another_kind_is_refused(log):
    with pytest.raises(CheckpointError, match=r"training log in a file is malformed"):
        PhaseLog.checked(log, "a file")
