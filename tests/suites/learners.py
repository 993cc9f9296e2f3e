"""Policies that are trained in no time, for the tests of sweeps, offered as a plugin distribution."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from fdp_bench.api import Calibrated, CheckpointError, Policy, SpecError, WeightsInfo, nearest

SETTINGS = ("num_demos", "seed", "device", "reuse", "steps", "base_steps", "batch_size", "gain", "fail")
#: One line a training: folder and policy.
DIARY = "diary.txt"


class Learner(Policy):
    """Goes where its gain says; its weights are a JSON file that holds its settings."""

    modalities = ("prop",)
    n_action_steps = 8

    def __init__(self, spec, task, *, device="cpu"):
        super().__init__(spec, task, device=device)
        info = self.weights(spec, task)
        if not info.available:
            raise CheckpointError(info.source)
        self.gain = float(info.card["settings"].get("gain", "3"))

    def act(self, observation, noise):
        del noise
        action = -self.gain * observation["prop"][:, -1:, :2]
        return np.clip(np.repeat(action, self.n_action_steps, axis=1), -1, 1).astype(np.float32)

    @classmethod
    def resolve(cls, spec, task):
        del task
        if set(spec.options) - {"kind"}:
            raise SpecError(f"policy {spec.name!r} has no option {min(spec.options)!r}")
        return spec

    @classmethod
    def weights(cls, spec, task):
        del task
        path = Path(spec.checkpoint)
        if not spec.checkpoint or not path.is_file():
            return WeightsInfo(available=False, source=f"no weights at {path}")
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        return WeightsInfo(True, spec.checkpoint, digest, json.loads(content), (path,))

    @classmethod
    def fit(cls, spec, task, data, out, settings):
        del task
        for key in settings:
            if key not in SETTINGS:
                raise SpecError(f"training has no setting {key!r}{nearest(key, SETTINGS)}")
        if settings.get("fail") == "stopped":
            raise KeyboardInterrupt
        if "fail" in settings:
            raise CheckpointError("it would not learn")
        out.mkdir(parents=True, exist_ok=True)
        with (data.parent / DIARY).open("a") as diary:
            diary.write(f"{out.name} {spec}\n")
        path = out / f"{spec.name}{spec.options.get('kind', '')}.weights"
        kept = {key: value for key, value in settings.items() if key not in ("reuse", "device")}
        card = {
            "policy": str(spec),
            "settings": kept,
            "data": hashlib.sha256(data.read_bytes()).hexdigest(),
            "train_demos": int(settings["num_demos"]),
            "train_seed": int(settings["seed"]),
        }
        path.write_text(json.dumps(card))
        return path


class Knower(Learner):
    """Knows its own weights again."""

    @classmethod
    def trained(cls, spec, task, data_sha256, settings, folders):
        for folder in folders:
            path = folder / f"{spec.name}{spec.options.get('kind', '')}.weights"
            found = replace(spec, checkpoint=str(path))
            card = cls.weights(found, task).card
            if card.get("settings") == dict(settings) and card["data"] == (data_sha256 or card["data"]):
                return found
        return None


class Calibrating(Knower):
    """Has the weights of `knower`, and acts once a file beside them says which episodes it has seen."""

    @classmethod
    def weights(cls, spec, task):
        info, noted = super().weights(spec, task), Path(f"{spec.checkpoint}.seen")
        if not info.available or noted.is_file():
            return replace(info, files=(*info.files, noted)) if info.available else info
        return replace(info, available=False, source="not calibrated", needs_calibration=True)

    @classmethod
    def trained(cls, spec, task, data_sha256, settings, folders):
        found = super().trained(replace(spec, name="knower"), task, data_sha256, settings, folders)
        return found and replace(found, name=spec.name)

    @classmethod
    def fit(cls, spec, task, data, out, settings):
        return super().fit(replace(spec, name="knower"), task, data, out, settings)

    @classmethod
    def calibrate(cls, spec, task, play, request):
        del task
        noted = Path(f"{spec.checkpoint}.seen")
        seen = [episode.index for episode in play(Steady(spec, None), range(3))]
        noted.write_text(f"{sorted(seen)} {request.device}")
        return Calibrated(str(spec), True, warnings=("it has seen little",))


class Steady(Policy):
    """Needs no training."""

    modalities = ("prop",)

    def act(self, observation, noise):
        del noise
        return np.zeros((len(observation["prop"]), 1, 2), np.float32)


POLICIES = {
    "learner": "learners:Learner",
    "knower": "learners:Knower",
    "steady": "learners:Steady",
    "calibrating": "learners:Calibrating",
}
