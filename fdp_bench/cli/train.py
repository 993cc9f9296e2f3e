"""``fdp-bench train``: train a policy on demonstrations; needs no simulator."""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fdp_bench.api import TaskInfo
    from fdp_bench.demos.dataset import Demonstrations

SUMMARY = "train a policy on demonstrations"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    parser.add_argument("--policy", required=True, help='policy to train, for instance "fdp:prop>vision"')
    parser.add_argument(
        "--task", required=True, help="task that the demonstrations show: Lift, LiftWide or an id"
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="demonstrations from 'fdp-bench demos', HDF5 or packed (.npz)",
    )
    parser.add_argument(
        "--num-demos",
        type=int,
        default=100,
        help="demonstrations to train on; others of the file are held out",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="decides everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--steps",
        type=int,
        help="gradient steps in all; for FDP base and residual together (default: the recipe's)",
    )
    parser.add_argument("--device", default="cpu", help="torch device (default: %(default)s)")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for weights, card, log and plot (default: runs/train/TASK/demosN-seedS)",
    )
    parser.add_argument("--recipe", help="named recipe: 'default', or 'paper' for the plain noise loss")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other training setting, for instance learning_rate=3e-4; may be given several times",
    )


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code."""
    from fdp_bench.api import PluginError
    from fdp_bench.demos.dataset import load_demonstrations
    from fdp_bench.plugins import load_policy
    from fdp_bench.specs import parse_policy
    from fdp_bench.tasks import resolve_task

    spec, task_id = parse_policy(args.policy), resolve_task(args.task)
    settings = _settings(args)
    policy_class = load_policy(spec.name)
    out = args.out or Path("runs", "train", task_id.split("/")[-1], f"demos{args.num_demos}-seed{args.seed}")
    demonstrations = load_demonstrations(args.data, task_id=task_id, num_demos=args.num_demos)
    _check_writable(out)
    try:
        path = policy_class.fit(spec, task_info(demonstrations), args.data, out, settings)
    except NotImplementedError as error:
        raise PluginError(
            f"{error}; policies that can be trained have a 'fit' (policies/README.md)"
        ) from None
    order = f":{spec.order}" if spec.order else ""
    print(
        f'wrote {path}\nnext: fdp-bench run --task {args.task} --policy "{spec.name}{order}@{path}" --shift occlusion'
    )
    return 0


def _settings(args: argparse.Namespace) -> dict[str, str]:
    from fdp_bench.api import SpecError

    settings = {"num_demos": str(args.num_demos), "seed": str(args.seed), "device": args.device}
    if args.steps is not None:
        settings["steps"] = str(args.steps)
    if args.recipe is not None:
        settings["recipe"] = args.recipe
    for entry in args.set:
        key, equals, value = entry.partition("=")
        if not (key and equals and value):
            raise SpecError(f"--set {entry!r} is not KEY=VALUE; write for instance --set learning_rate=3e-4")
        if key in settings:
            raise SpecError(
                f"--set {key} repeats an option that has its own name; use --{key.replace('_', '-')}"
            )
        settings[key] = value
    return settings


def _check_writable(out: Path) -> None:
    from fdp_bench.api import RunError

    try:
        out.mkdir(parents=True, exist_ok=True)
        # A file without a name, so that two trainings into one folder do not meet.
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise RunError(
            f"cannot write to {out} ({error.strerror}); choose another folder with --out"
        ) from None


def task_info(demonstrations: "Demonstrations") -> "TaskInfo":
    """What a policy may know of the task, read from its demonstrations alone."""
    from fdp_bench.api import TaskInfo, image_keys
    from fdp_bench.tasks import TASKS

    first = demonstrations.demos[0]
    shapes: dict[str, tuple[int, ...]] = {"prop": first.prop.shape[1:]}
    shapes |= {key: frames.shape[1:] for key, frames in first.images.items()}
    task = TASKS[demonstrations.task_id]
    return TaskInfo(
        task_id=demonstrations.task_id,
        modalities={"prop": ("prop",), "vision": image_keys(shapes)},
        observation_shapes=shapes,
        action_dim=first.actions.shape[1],
        horizon=task.horizon,
        control_hz=task.control_hz,
        profile=demonstrations.profile,
    )
