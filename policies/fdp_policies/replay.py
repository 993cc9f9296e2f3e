"""``replay``: one look at the scene, then the stored actions of the demonstration that began most alike."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fdp_bench.api import IMAGE_PREFIX, CheckpointError, Policy, PolicySpec, TaskInfo, WeightsInfo
from fdp_bench.api.files import write_whole
from fdp_bench.api.validation import check_entries, is_file, read_json

#: Largest card that is read (bytes).
_MAX_CARD_BYTES = 2**20
#: Rows and columns that a frame is averaged to before frames are compared.
_GRID = 12
_ACTIONS, _LENGTHS, _SCALE = "actions", "lengths", "scale."
#: What a card must hold.
_FIELDS = {**dict.fromkeys(("policy", "task_id", "data_sha256", "weights_sha256"), str), "train_demos": int}


class ReplayPolicy(Policy):
    """Open-loop replay of the nearest demonstration.

    The nearest neighbour of VINN (Pari et al. 2021, arXiv 2112.01511), on averaged pixels instead of a learned
    representation and asked once an episode: the chunk is the whole episode. A task that
    this solves needs no eyes after its first frame, so no shift that comes later can show anything on it.
    """

    summary: ClassVar[str] = "stored actions of the demonstration whose first observation is nearest"
    option_values: ClassVar = {}
    bundled_tasks: ClassVar[tuple[str, ...] | None] = ()

    def __init__(self, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> None:
        """Load the demonstrations' first observations and actions.

        Raises:
            CheckpointError: If they are missing, damaged, or of another task.
        """
        super().__init__(spec, task, device=device)
        memory = _Memory(_path(spec, task), task)
        self.modalities = tuple(name for name in task.modalities if name in task.usual_modalities)
        self.n_action_steps = task.horizon
        self._memory = memory.tensors
        lengths = self._memory[_LENGTHS]
        steps = np.minimum(np.arange(task.horizon), lengths[:, None] - 1)
        # Past its end a demonstration holds its last action, as a window of training does.
        self._chunks = np.take_along_axis(self._memory[_ACTIONS], steps[..., None], axis=1)

    def act(
        self, observation: Mapping[str, npt.NDArray[np.generic]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """See `Policy.act`."""
        del noise
        keys = [key for key in self._memory if key not in (_ACTIONS, _LENGTHS) and not key.startswith(_SCALE)]
        rows = len(observation[keys[0]])
        chunks = [
            self._chunks[self._nearest({key: observation[key][row, -1] for key in keys})]
            for row in range(rows)
        ]
        actions: npt.NDArray[np.float32] = np.clip(np.stack(chunks), -1.0, 1.0).astype(np.float32)
        return actions

    def _nearest(self, seen: Mapping[str, npt.NDArray[np.generic]]) -> int:
        """Index of the demonstration that began most alike; each key weighs by how much demonstrations differ in it."""
        distance = np.zeros(len(self._chunks))
        for key, values in seen.items():
            difference = self._memory[key] - _features(key, values)
            distance += (difference.astype(np.float64) ** 2).mean(1) / self._memory[_SCALE + key]
        return int(distance.argmin())

    @classmethod
    def weights(cls, spec: PolicySpec, task: TaskInfo) -> WeightsInfo:
        """See `Policy.weights`."""
        path = _path(spec, task)
        try:
            memory = _Memory(path, task)
            _ = memory.tensors
        except CheckpointError as error:
            return WeightsInfo(available=False, source=str(error))
        source = str(path) if spec.checkpoint else "bundled"
        return WeightsInfo(True, source, memory.card["weights_sha256"], memory.card, (path,))

    @classmethod
    def fit(
        cls, spec: PolicySpec, task: TaskInfo, data: Path, out: Path, settings: Mapping[str, str]
    ) -> Path:
        """Store the demonstrations to train on; of the settings only ``num_demos`` means anything. See `Policy.fit`."""
        from fdp_bench.demos.dataset import load_demonstrations
        from fdp_policies.config import training_config

        recipe = training_config(settings)
        read = load_demonstrations(data, task_id=task.task_id, num_demos=recipe.num_demos)
        demos = read.subset(read.train)
        keys = [key for name in task.usual_modalities for key in task.modalities[name]]
        length = max(len(demo) for demo in demos)
        tensors: dict[str, npt.NDArray[Any]] = {
            _ACTIONS: np.stack([np.resize(demo.actions, (length, task.action_dim)) for demo in demos]),
            _LENGTHS: np.array([len(demo) for demo in demos], dtype=np.int64),
        }
        for key in keys:
            first = np.stack([_features(key, demo.observations[key][0]) for demo in demos])
            tensors[key] = first
            spread = float(first.var(0).mean())
            tensors[_SCALE + key] = np.array(spread if spread > 0.0 else 1.0, dtype=np.float32)
        card = {
            "policy": str(PolicySpec(spec.name)),
            "task_id": task.task_id,
            "modalities": list(task.usual_modalities),
            "train_demos": len(demos),
            "train_seed": recipe.seed,
            "data_sha256": read.sha256,
        }
        return _store(out / f"{spec.name}.safetensors", tensors, card)


class _Memory:
    """Stored demonstrations and their card."""

    def __init__(self, path: Path, task: TaskInfo) -> None:
        self.path = path
        command = f"fdp-bench train --policy replay --task {task.task_id} --data FILE"
        if path.suffix != ".safetensors":
            raise CheckpointError(f"{path} is not a .safetensors file; make one with `{command}`")
        if not is_file(path):
            raise CheckpointError(f"no stored demonstrations at {path}; make them with `{command}` (seconds)")
        self._task = task
        try:
            self.card: dict[str, Any] = read_json(path.with_suffix(".json"), _MAX_CARD_BYTES)
            check_entries(self.card, _FIELDS, "card", needed=tuple(_FIELDS))
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"the card of {path} is missing or malformed ({error}); make it again with `{command}`"
            ) from None
        if self.card["policy"] != "replay":
            raise CheckpointError(f"{path} holds no stored demonstrations; make some with `{command}`")
        if self.card["task_id"] != task.task_id:
            raise CheckpointError(
                f"{path} was made from {self.card['task_id'][:60]}, not {task.task_id}; make it with `{command}`"
            )

    @cached_property
    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """What was stored, as `ReplayPolicy.fit` named it.

        Raises:
            CheckpointError: If it is damaged, or not what the task's senses and actions ask for.
        """
        import hashlib

        from safetensors import SafetensorError, safe_open
        from safetensors.numpy import load

        payload = self.path.read_bytes()
        if hashlib.sha256(payload).hexdigest() != self.card["weights_sha256"]:
            raise CheckpointError(
                f"{self.path} is damaged: its SHA-256 is not the one in its card; make it again"
            )
        try:
            with safe_open(self.path, framework="numpy") as file:
                shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            self._check_shapes(shapes)
            tensors = load(payload)
        except (SafetensorError, KeyError) as error:
            # KeyError: numbers of a kind that NumPy has not.
            raise CheckpointError(f"{self.path} cannot be read ({error}); make it again") from None
        self._check_numbers(tensors)
        return tensors

    def _check_shapes(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Hold what the file declares against the task."""
        demos, length, _ = (*shapes.get(_ACTIONS, ()), 0, 0, 0)[:3]
        wanted: dict[str, tuple[int, ...]] = {
            _ACTIONS: (demos, length, self._task.action_dim),
            _LENGTHS: (demos,),
        }
        for key in (key for name in self._task.usual_modalities for key in self._task.modalities[name]):
            size = len(_features(key, np.zeros(self._task.observation_shapes[key], np.uint8)))
            wanted |= {key: (demos, size), _SCALE + key: (1,)}
        for name in {**wanted, **shapes}:
            if shapes.get(name) != wanted.get(name) or demos < 1 or length < 1:
                raise CheckpointError(
                    f"{self.path} is not made for this task: {name[:60]!r} has shape {shapes.get(name)}, not "
                    f"{wanted.get(name)}; make it again"
                )

    def _check_numbers(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        lengths = tensors[_LENGTHS]
        if lengths.dtype != np.int64 or lengths.min() < 1 or lengths.max() > tensors[_ACTIONS].shape[1]:
            raise CheckpointError(
                f"{self.path} is damaged: it names lengths that it does not hold; make it again"
            )
        for name, values in tensors.items():
            if name != _LENGTHS and (values.dtype.kind != "f" or not np.isfinite(values).all()):
                raise CheckpointError(
                    f"{self.path} is damaged: {name[:60]!r} holds no numbers; make it again"
                )
            if name.startswith(_SCALE) and values.min() <= 0.0:
                raise CheckpointError(f"{self.path} is damaged: {name[:60]!r} is not above 0; make it again")


def _path(spec: PolicySpec, task: TaskInfo) -> Path:
    from fdp_policies.checkpoints.policy_spec import BUNDLED

    if spec.checkpoint:
        return Path(spec.checkpoint)
    return BUNDLED / task.task_id.split("/")[-1] / "replay.safetensors"


def _features(key: str, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """What of an observation is compared: frames averaged to a coarse grid, in [0, 1]; vectors as they are."""
    if not key.startswith(IMAGE_PREFIX):
        return values.astype(np.float32)
    frame = values.astype(np.float32) / 255.0
    for axis in (0, 1):
        side = frame.shape[axis]
        cells = min(_GRID, side)
        starts = np.arange(cells) * side // cells
        sizes = np.diff(np.append(starts, side)).astype(np.float32)
        shape = [1, 1, 1]
        shape[axis] = cells
        frame = np.add.reduceat(frame, starts, axis=axis) / sizes.reshape(shape)
    return frame.ravel()


def _store(path: Path, tensors: Mapping[str, npt.NDArray[Any]], card: Mapping[str, Any]) -> Path:
    import hashlib

    from safetensors.numpy import save

    payload = save({name: np.ascontiguousarray(value) for name, value in tensors.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    full = {**card, "weights_sha256": hashlib.sha256(payload).hexdigest()}
    write_whole(path, payload)
    write_whole(path.with_suffix(".json"), json.dumps(full, indent=1) + "\n")
    return path
