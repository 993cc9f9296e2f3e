"""A training as a value, the product of many, and what came of one."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from fdp_bench.api import DatasetError, PluginError, Policy, TaskInfo, image_keys
from fdp_bench.api.modality import DEFAULT_MODALITIES
from fdp_bench.demos.dataset import Demonstrations, load_demonstrations
from fdp_bench.plugins import load_policy
from fdp_bench.runner.rollout.environment import DEFAULT_PROFILE, make_base
from fdp_bench.runner.rollout.environment import task_info as environment_info
from fdp_bench.sim.touch import TOUCH_COMPONENTS
from fdp_bench.specs import parse_policy
from fdp_bench.tasks import TASKS

#: How a training can end.
TRAINED, THERE_ALREADY, FAILED = "trained", "there already", "failed"


@dataclass(frozen=True)
class TrainingJob:
    """One policy to train. `fdp_bench.training.worker.train` does it here, `train_all` several at once.

    Attributes:
        policy: Canonical policy string, without a checkpoint.
        task: What the policy may know of the task that the demonstrations show.
        data: Demonstration file.
        out: Folder for weights, card, log and plot.
        num_demos: Demonstrations to train on.
        seed: Decides everything random.
        settings: Further settings for `Policy.fit`, ``device`` and ``steps`` for instance.
    """

    policy: str
    task: TaskInfo
    data: Path
    out: Path
    num_demos: int
    seed: int
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """For messages: ``fdp:prop>vision, 50 demonstrations, seed 1``."""
        return f"{self.policy}, {self.num_demos} demonstrations, seed {self.seed}"

    @property
    def log(self) -> Path:
        """Where its output goes when several are trained at once."""
        words = "".join(c if c.isalnum() or c in "-+." else "-" for c in self.policy)
        return self.out / "logs" / f"{words}.log"

    def fit_settings(self) -> dict[str, str]:
        """All settings for `Policy.fit`."""
        return {"num_demos": str(self.num_demos), "seed": str(self.seed), **self.settings}

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {**asdict(self), "data": str(self.data), "out": str(self.out)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "TrainingJob":
        """Inverse of `to_json`."""
        task = dict(fields["task"])
        task["modalities"] = {name: tuple(keys) for name, keys in task["modalities"].items()}
        task["observation_shapes"] = {key: tuple(shape) for key, shape in task["observation_shapes"].items()}
        task["default_modalities"] = tuple(task["default_modalities"])
        paths = {name: Path(fields[name]) for name in ("data", "out")}
        return cls(**{**fields, **paths, "task": TaskInfo(**task)})


@dataclass(frozen=True)
class Trained:
    """What came of a job.

    Attributes:
        job: The job.
        status: `TRAINED`, `THERE_ALREADY` (equal data and settings, so it was not made again) or `FAILED`.
        checkpoint: The weights; None where it failed.
        seconds: Wall time that it took here.
        steps: Gradient steps of the weights, base and residual together; None where their card does not say.
        heldout_loss: Loss on held-out demonstrations at the end; None likewise.
        warnings: What the policy warns of.
        error: Why it failed, one line.
    """

    job: TrainingJob
    status: str
    checkpoint: Path | None = None
    seconds: float = 0.0
    steps: int | None = None
    heldout_loss: float | None = None
    warnings: tuple[str, ...] = ()
    error: str = ""

    @property
    def made(self) -> bool:
        """Whether the weights were made now."""
        return self.status == TRAINED


def plan_jobs(
    policies: Sequence[str],
    task_id: str,
    data: Path,
    *,
    num_demos: Sequence[int],
    seeds: Sequence[int],
    out: Path,
    settings: Mapping[str, str],
    folder_each: bool = True,
) -> tuple[TrainingJob, ...]:
    """Check a sweep and spell it out: each policy on each number of demonstrations with each seed.

    Jobs of one folder lie as far apart as they can, so that few that run at once share a base.

    Args:
        policies: Policy strings; two spellings of one policy are one.
        task_id: Gymnasium id.
        data: Demonstration file.
        num_demos: Numbers of demonstrations to train on.
        seeds: Seeds.
        out: Folder of the folders ``demosN-seedS`` that the weights go to.
        settings: Further settings for `Policy.fit`.
        folder_each: Whether a single size and seed get such a folder too; else their weights go to `out` itself.

    Raises:
        SpecError: If a policy is not known, or names a checkpoint.
        PluginError: If a policy cannot be trained.
        DatasetError: If the file cannot be read or has too few demonstrations.
    """
    task = task_info(load_demonstrations(data, task_id=task_id, num_demos=max(num_demos)))
    names = list(dict.fromkeys(_checked(text, task) for text in policies))
    sizes, all_seeds = list(dict.fromkeys(num_demos)), list(dict.fromkeys(seeds))
    into_out = len(sizes) == len(all_seeds) == 1 and not folder_each
    return tuple(
        TrainingJob(
            policy=name,
            task=task,
            data=data,
            out=out if into_out else out / f"demos{size}-seed{seed}",
            num_demos=size,
            seed=seed,
            settings=dict(settings),
        )
        for name in names
        for size in sizes
        for seed in all_seeds
    )


def task_info(demonstrations: Demonstrations) -> TaskInfo:
    """What a policy may know of the task, read from its demonstrations alone; an environment of others is built for it.

    Raises:
        SpecError: If that environment cannot be built.
        DatasetError: If the demonstrations do not hold its keys in its shapes, or were recorded on another map of it.
    """
    if demonstrations.task_id not in TASKS:
        return _external_task_info(demonstrations)
    first = demonstrations.demos[0]
    # A file from before touch lacks it; the task has it, and training refuses to go without.
    shapes: dict[str, tuple[int, ...]] = {"tactile": (len(TOUCH_COMPONENTS),)}
    shapes |= {key: seen.shape[1:] for key, seen in first.observations.items()}
    task = TASKS[demonstrations.task_id]
    return TaskInfo(
        task_id=demonstrations.task_id,
        modalities={"prop": ("prop",), "vision": image_keys(shapes), "tactile": ("tactile",)},
        observation_shapes=shapes,
        action_dim=first.actions.shape[1],
        horizon=task.horizon,
        control_hz=task.control_hz,
        profile=demonstrations.profile,
        default_modalities=DEFAULT_MODALITIES,
    )


def _external_task_info(demonstrations: Demonstrations) -> TaskInfo:
    """The environment's own word, for the keys that the demonstrations hold."""
    env = make_base(demonstrations.task_id, demonstrations.profile or DEFAULT_PROFILE)
    try:
        info = environment_info(env, demonstrations.task_id)
        present = getattr(env.unwrapped, "map_sha256", "")
    finally:
        env.close()
    recorded = demonstrations.card.get("task_map_sha256") or present
    if recorded != present:
        raise DatasetError(
            f"the demonstrations were recorded on another map of {info.task_id} (digest {recorded[:12]}, now "
            f"{present[:12]}); record them again, and give a changed map another version in its 'id'"
        )
    first = demonstrations.demos[0]
    held = {key: tuple(seen.shape[1:]) for key, seen in first.observations.items()}
    for key, shape in held.items():
        if info.observation_shapes.get(key) != shape:
            raise DatasetError(
                f"the demonstrations hold {key!r} of shape {shape}, and task {info.task_id!r} has "
                f"{info.observation_shapes.get(key, 'no such key')}; record them on the task as it is now"
            )
    if first.actions.shape[1] != info.action_dim:
        raise DatasetError(
            f"the demonstrations hold {first.actions.shape[1]} numbers an action, and task {info.task_id!r} takes "
            f"{info.action_dim}; record them on the task as it is now"
        )
    modalities = {name: keys for name, keys in info.modalities.items() if set(keys) <= set(held)}
    return replace(
        info,
        modalities=modalities,
        observation_shapes=held,
        default_modalities=tuple(name for name in info.usual_modalities if name in modalities),
        profile=demonstrations.profile,
    )


def _checked(text: str, task: TaskInfo) -> str:
    spec = parse_policy(text)
    policy = load_policy(spec.name)
    if getattr(policy.fit, "__func__", None) is Policy.fit.__func__:  # type: ignore[attr-defined]
        raise PluginError(
            f"policy {spec.name!r} cannot be trained; policies that can have a 'fit' (policies/README.md)"
        )
    return str(replace(policy.resolve(spec, task), checkpoint=""))
