"""What guarded policies share: naming, finding, calibrating. torch is loaded with the first weights that are read."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fdp_bench.api import (
    Calibrated,
    CalibrationRequest,
    CheckpointError,
    Play,
    Policy,
    PolicySpec,
    SpecError,
    TaskInfo,
    WeightsInfo,
)
from fdp_policies.acting.learned_policy import LearnedPolicy, open_checkpoint
from fdp_policies.checkpoints.policy_spec import GUARD_OPTION, weights_path
from fdp_policies.guard.option import GuardOption, guard_option, without_guard

if TYPE_CHECKING:
    from fdp_policies.acting.chunk_sampler import ChunkSampler
    from fdp_policies.checkpoints.checkpoint import Checkpoint
    from fdp_policies.guard.sampling import Guard
    from fdp_policies.guard.stored import CalibrationPlace

#: Where calibrated copies of bundled weights go unless told otherwise, a folder a task.
CALIBRATED_FOLDER = Path("runs", "calibrated")


class GuardedPolicy(LearnedPolicy):
    """A policy that takes the option ``guard``; stands before the class that loads its weights."""

    _sampler: "ChunkSampler"

    @classmethod
    def make_base(cls, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> Policy:
        """Load the base that a guard falls back to, as a policy of its own."""
        raise NotImplementedError

    @classmethod
    def weights(cls, spec: PolicySpec, task: TaskInfo) -> WeightsInfo:
        """See `Policy.weights`: a calibration counts among what is loaded."""
        info, option = super().weights(spec, task), guard_option(spec, task)
        if option is None or not info.available:
            return info
        try:
            base = base_checkpoint(spec, task, option)
        except CheckpointError as error:
            return WeightsInfo(available=False, source=str(error))
        files = (*info.files, base.path) if option.names_base else info.files
        place = calibration_place(spec, task, option)
        try:
            calibration = place.open()
        except CheckpointError as error:
            return WeightsInfo(False, str(error), card=info.card, files=files, needs_calibration=True)
        return replace(
            info,
            sha256=_joined(place.weights_sha256, calibration.sha256),
            card={**info.card, "guard": calibration.card},
            files=(*files, *calibration.files),
            warnings=calibration.warnings,
        )

    @classmethod
    def fit(
        cls, spec: PolicySpec, task: TaskInfo, data: Path, out: Path, settings: Mapping[str, str]
    ) -> Path:
        """See `Policy.fit`: a base that the guard names is trained beside the policy."""
        path, option = super().fit(spec, task, data, out, settings), guard_option(spec, task)
        if option is not None and option.names_base:
            super().fit(replace(option.base_spec(spec, Path()), checkpoint=""), task, data, out, settings)
        return path

    @classmethod
    def trained(
        cls,
        spec: PolicySpec,
        task: TaskInfo,
        data_sha256: str,
        settings: Mapping[str, str],
        folders: Sequence[Path],
    ) -> PolicySpec | None:
        """See `Policy.trained`: weights that are calibrated come first, and a base that the guard names lies beside."""
        option = guard_option(spec, task)
        if option is None:
            return super().trained(spec, task, data_sha256, settings, folders)
        from fdp_policies.training.found import every_trained

        found = []
        for place in every_trained(spec, task, data_sha256, settings, folders):
            folder = weights_path(place, task).parent
            base = replace(
                option.base_spec(spec, Path()), checkpoint=str(folder / f"{option.base.slug}.safetensors")
            )
            if not option.names_base or any(every_trained(base, task, data_sha256, settings, (folder,))):
                found.append(place)
        calibrated = (place for place in found if cls.weights(place, task).available)
        return next(calibrated, found[0] if found else None)

    @classmethod
    def calibrate(
        cls, spec: PolicySpec, task: TaskInfo, play: Play, request: CalibrationRequest
    ) -> Calibrated | None:
        """See `Policy.calibrate`; an FDP that names no guard is calibrated for ``guard=on``."""
        if GUARD_OPTION not in spec.options and spec.name == "fdp":
            spec = cls.resolve(replace(spec, options={**spec.options, GUARD_OPTION: "on"}), task)
        option = guard_option(spec, task)
        if option is None:
            example = replace(spec, options={**spec.options, GUARD_OPTION: "base:prop"})
            raise SpecError(
                f"policy {str(spec)!r} has no guard to calibrate; name its base, for instance {str(example)!r}"
            )
        from fdp_policies.acting.guard_calibration import calibrate_policy

        spec = _placed(spec, task, option, request.out)
        policy = cls(without_guard(spec), task, device=request.device)
        base_path = base_checkpoint(spec, task, option).path
        return calibrate_policy(
            calibration_place(spec, task, option),
            request,
            play,
            policy=policy,
            sampler=policy._sampler,
            base=cls.make_base(option.base_spec(spec, base_path), task, device=request.device),
            train_demos=open_checkpoint(spec, task).card.get("train_demos"),
        )


def open_guard(spec: PolicySpec, task: TaskInfo, device: str) -> "Guard | None":
    """The guard that a policy string asks for, calibrated; None where it asks for none.

    Raises:
        CheckpointError: If it is not calibrated, or for something else.
    """
    option = guard_option(spec, task)
    if option is None:
        return None
    place = calibration_place(spec, task, option)
    guard = place.open().guard(device)
    features = open_checkpoint(spec, task).network.feature_dim * len(guard.keys)
    if len(guard.mean) != features:
        raise CheckpointError(
            f"the calibration {place.path} is of {len(guard.mean)} features, and the policy has {features}; make it "
            f"again with `{place.command}`"
        )
    return guard


def base_checkpoint(spec: PolicySpec, task: TaskInfo, option: GuardOption) -> "Checkpoint":
    """The checkpoint of the base that a guard falls back to.

    Raises:
        CheckpointError: If it is missing, or was made for something else.
    """
    own = open_checkpoint(spec, task)
    if not option.names_base:
        base = own.base
        assert base is not None
        return base
    path = own.path.parent / f"{option.base.slug}.safetensors"
    if not path.is_file():
        raise CheckpointError(
            f"{spec} falls back to {path}, and there is none; train {option.base} into that folder: "
            f'fdp-bench train --policy "{option.base}" --task {task.task_id} --data FILE --out {path.parent}'
        )
    return open_checkpoint(option.base_spec(spec, path), task)


def calibration_place(spec: PolicySpec, task: TaskInfo, option: GuardOption) -> "CalibrationPlace":
    """Where a policy's calibration lies.

    Raises:
        CheckpointError: If its weights, or its base's, are missing.
    """
    from fdp_policies.guard.stored import CalibrationPlace

    own = open_checkpoint(spec, task)
    sha256 = own.combined_sha256()
    if option.names_base:
        sha256 = _joined(sha256, base_checkpoint(spec, task, option).sha256)
    return CalibrationPlace(spec, task, option, own.path, sha256)


def _placed(spec: PolicySpec, task: TaskInfo, option: GuardOption, out: Path | None) -> PolicySpec:
    """The policy with weights beside which its calibration may lie: copied where they are bundled or elsewhere."""
    own = open_checkpoint(spec, task)
    if out is None:
        out = own.path.parent if spec.checkpoint else CALIBRATED_FOLDER / task.task_id.rpartition("/")[2]
    base = base_checkpoint(spec, task, option)
    out.mkdir(parents=True, exist_ok=True)
    for path in (base.path, own.path):
        for source in (path.with_suffix(".json"), path):
            target = out / source.name
            if target.is_file() and target.read_bytes() != source.read_bytes():
                raise CheckpointError(f"{target} is another file than {source}; choose another --out")
            if not target.is_file():
                shutil.copyfile(source, target)
    return replace(spec, checkpoint=str(out / own.path.name))


def _joined(*hashes: str) -> str:
    return hashlib.sha256("".join(hashes).encode()).hexdigest()
