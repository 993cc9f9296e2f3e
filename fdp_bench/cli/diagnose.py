"""Say which sense a policy listens to, what its residual adds, and which documented failures it shows.

  fdp-bench diagnose --policy "fdp:prop>vision"
  fdp-bench diagnose --policy "fdp:prop>vision@new/fdp-prop-vision.safetensors" --data lift.npz --out diagnosis
  fdp-bench diagnose --policy dp-dit --data lift.npz --episodes 0
  fdp-bench diagnose --theory

Senses are masked (the middle of their normalized range), swapped (another episode's at the same step) and, for cameras,
black. The exit code is 0 whatever is found; with --strict it is 1 where a documented failure is.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fdp_bench.cli._numbers import whole
from fdp_bench.cli.main import SUBCOMMANDS

if TYPE_CHECKING:
    from fdp_bench.diagnose.diagnosis import Diagnosis

SUMMARY = SUBCOMMANDS["diagnose"]
#: Episodes a condition: a difference of 40 points is seen, and a minute or two is enough for it.
EPISODES = 24
#: Policy whose theory is checked unless another is named.
THEORY_POLICY = "fdp"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    add = parser.add_argument
    add("--policy", metavar="SPEC", help="name[:order][@checkpoint][?key=value&...]")
    add("--task", default="Lift", metavar="NAME", help="Lift (default), LiftWide, or module:namespace/Env-v0")
    add(
        "--data",
        type=Path,
        metavar="FILE",
        help="demonstrations: action changes are measured on the held-out ones, and losses are measured too",
    )
    add(
        "--episodes",
        type=whole,
        default=EPISODES,
        metavar="N",
        help="episodes a condition; 0 for none, with --data (default: %(default)s)",
    )
    add("--seed", type=whole, default=0, metavar="N", help="seed of all random streams (default: 0)")
    add("--device", default="cpu", metavar="NAME", help="device of the policy (default: cpu)")
    add("--json", type=Path, metavar="FILE", help="write everything that was measured as JSON")
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="write diagnosis.txt, diagnosis.json and a figure of the residual",
    )
    add("--strict", action="store_true", help="exit with 1 where a documented failure is found")
    add(
        "--theory",
        action="store_true",
        help="instead: check the score identity behind FDP on a problem with closed-form scores",
    )


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code."""
    from fdp_bench.api.errors import SpecError

    if args.theory:
        return _theory(args)
    if args.policy is None:
        raise SpecError(
            'no policy given; name one, for instance --policy "fdp:prop>vision", or give --theory'
        )
    from fdp_bench.cli._targets import check_file, check_folder
    from fdp_bench.cli._typed_task import typed_task
    from fdp_bench.diagnose.diagnosis import Request, diagnose
    from fdp_bench.diagnose.text import diagnosis_text
    from fdp_bench.diagnose.verdicts import has_failures

    request = Request(args.policy, typed_task(args.task), args.episodes, args.data, args.seed, args.device)
    check_file(args.json, "--json")
    check_folder(args.out, "--out")
    with _Progress() as progress:
        found = diagnose(request, progress)
    text = diagnosis_text(found)
    print(text)
    _write(args, found, text)
    return 1 if args.strict and has_failures(found.verdicts) else 0


def _theory(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from fdp_bench.api.errors import SpecError
    from fdp_bench.diagnose.text import theory_text
    from fdp_bench.specs import find_policy

    kind, spec = find_policy(args.policy or THEORY_POLICY)
    check = kind.check_theory()
    if check is None:
        raise SpecError(
            f"policy {spec.name!r} rests on no identity that can be checked; leave --policy out for FDP's"
        )
    print(theory_text(check))
    if args.json is not None:
        _write_text(args.json, json.dumps({**asdict(check), "passed": check.passed}, indent=1) + "\n")
    return 1 if args.strict and not check.passed else 0


def _write(args: argparse.Namespace, found: "Diagnosis", text: str) -> None:
    content = json.dumps(found.to_json(), indent=1) + "\n"
    written = []
    if args.json is not None:
        _write_text(args.json, content)
        written.append(args.json)
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        for name, body in (("diagnosis.txt", text + "\n"), ("diagnosis.json", content)):
            _write_text(args.out / name, body)
            written.append(args.out / name)
        if found.contributions:
            from fdp_bench.diagnose.figure import contribution_figure
            from fdp_bench.report.figures.style import PNG_DPI, themed

            picture = args.out / "contribution.png"
            with themed():
                contribution_figure(found).savefig(picture, dpi=PNG_DPI)
            written.append(picture)
    if written:
        print("\nwrote " + ", ".join(map(str, written)))


def _write_text(path: Path, content: str) -> None:
    from fdp_bench.api.files import write_whole

    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)


class _Progress:
    """A bar over all episodes of all conditions; on what is no terminal, a line a condition."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._named = ""

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, name: str, done: int, total: int) -> None:
        if total and self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit="episode", disable=None, leave=False)
        if total:
            self._bar.set_description(name)
            self._bar.update(done - self._bar.n)
        if name != self._named and (self._bar is None or self._bar.disable):
            print(f"{name} ...", file=sys.stderr, flush=True)
        self._named = name
