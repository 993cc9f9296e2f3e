"""Show tasks, policies, shifts and suites: the built-in ones and those of installed plugins.

fdp-bench list
fdp-bench list --shifts
fdp-bench list --tasks --verbose    what each task asks for, which sense it needs, how its expert does
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fdp_bench.cli.main import SUBCOMMANDS

if TYPE_CHECKING:
    from fdp_bench.api import Policy, TaskInfo, WeightsInfo
    from fdp_bench.plugins import Plugin

SUMMARY = SUBCOMMANDS["list"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    what = parser.add_mutually_exclusive_group()
    for name in _SECTIONS:
        what.add_argument(f"--{name}", action="store_true", help=f"{name} only")
    parser.add_argument("--verbose", action="store_true", help="more about each task")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit code."""
    asked = [name for name in _SECTIONS if getattr(args, name)] or list(_SECTIONS)
    sections = {**_SECTIONS, "tasks": task_pages} if args.verbose else _SECTIONS
    print("\n\n".join("\n".join([name.upper(), *sections[name]()]) for name in asked))
    return 0


def task_lines() -> list[str]:
    """One line a task of the package, and how to name others."""
    from fdp_bench.extras import ROBOSUITE, install_command, missing
    from fdp_bench.tasks import TASKS
    from fdp_bench.tasks.external.modules import is_installed
    from fdp_bench.tasks.external.registry import find_map, packaged_maps

    lacking = _not_installed(install_command(ROBOSUITE)) if missing(ROBOSUITE) else ""
    rows = [(task.short_name, task.id, task.summary + lacking) for task in TASKS.values()]
    for task_map in filter(None, map(find_map, packaged_maps())):
        name = task_map.id.partition("/")[2].rpartition("-v")[0]
        lacking = "" if is_installed(task_map.environment) else _not_installed(task_map.install)
        rows.append((name, task_map.id, task_map.summary + lacking))
    return [
        *_aligned(rows),
        "  others: --task map.toml, or module:namespace/Env-v0, any Gymnasium environment (fdp_bench/tasks/README.md)",
    ]


def task_pages() -> list[str]:
    """For each task what it asks for, its success rule, the sense it needs, and how the scripted expert does."""
    from fdp_bench.tasks import TASKS
    from fdp_bench.tasks.expert_results import expert_results

    lines = []
    for task in TASKS.values():
        rows = [
            ("asks for", task.summary),
            ("success", task.success),
            ("needs", task.senses),
            ("object", f"{task.painted} (what shifts such as color?part=object paint)"),
            ("episode", f"at most {task.horizon} control steps at {task.control_hz} Hz"),
            ("expert", _expert_line(expert_results(task.short_name))),
        ]
        lines += [f"  {task.short_name}  {task.id}", *("    " + line for line in _aligned(rows))]
    return lines


def _expert_line(results: Mapping[str, Any] | None) -> str:
    if results is None:
        return "not measured here: python -m fdp_bench.demos.measure --task NAME"
    low, high = results["wilson_95"]
    return (
        f"{results['successes']} of {results['episodes']} seeds ({100 * low:.1f}-{100 * high:.1f}%), "
        f"{results['steps']['mean']:.0f} steps on average"
    )


def policy_lines() -> list[str]:
    """For each policy its summary and options, and for each order whether weights are there, task by task."""
    from fdp_bench.plugins import policy_plugins
    from fdp_bench.tasks import TASKS, describe

    tasks = {task.short_name: describe(task.id) for task in TASKS.values()}
    lines = []
    for plugin in policy_plugins().values():
        lines += _entry(plugin, lambda name, policy: _policy_details(name, policy, tasks))
    lines.append(
        "  no weights: train them (fdp-bench train --help), or name yours as in fdp:prop>vision@PATH"
    )
    return lines


def shift_lines() -> list[str]:
    """For each shift its summary and option values, the default first."""
    from fdp_bench.api.shift import DEFAULT_LEVEL, LEVELS
    from fdp_bench.plugins import shift_plugins

    lines = []
    for plugin in shift_plugins().values():
        lines += _entry(plugin, lambda _, shift: _option_lines(shift.option_values))
    how = f"severity: name@1 to name@{LEVELS} (default {DEFAULT_LEVEL}), or a number in (0, 1] as in name@0.5"
    return [*lines, f"  {how}; shifts act together when joined by +"]


def suite_lines() -> list[str]:
    """One line a packaged suite."""
    from fdp_bench.suites.load import load_suite, packaged_suites

    rows = [(name, load_suite(name).summary) for name in packaged_suites()]
    return [*_aligned(rows), "  others: fdp-bench sweep FILE.toml"]


_SECTIONS: Mapping[str, Callable[[], list[str]]] = {
    "tasks": task_lines,
    "policies": policy_lines,
    "shifts": shift_lines,
    "suites": suite_lines,
}


def _entry(plugin: "Plugin", details: Callable[[str, Any], list[str]]) -> list[str]:
    """A plugin's name, summary and details, or what installs it, or why it is broken; whose it is if it is not ours."""
    problem = plugin.problem()
    if problem:
        return [f"  {plugin.name}  BROKEN: {problem}"]
    loaded: Any = plugin.load()
    origin = "" if plugin.distribution == "fdp-bench" else f"  [{plugin.distribution} {plugin.version}]"
    head = f"  {plugin.name}  {loaded.summary or '(no summary)'}{origin}"
    if command := plugin.not_installed():
        return [head + _not_installed(command)]
    # Another distribution's code may run here: one plugin that fails must not hide the others.
    try:
        return [head, *details(plugin.name, loaded)]
    except Exception as error:
        return [head, f"      BROKEN: {type(error).__name__}: {error}"]


def _policy_details(name: str, policy: "type[Policy]", tasks: "Mapping[str, TaskInfo]") -> list[str]:
    weights = ["    " + line for line in _aligned(_weights_rows(name, policy, tasks))]
    return weights + _option_lines(policy.option_values or {})


def _weights_rows(
    name: str, policy: "type[Policy]", tasks: Mapping[str, "TaskInfo"]
) -> list[tuple[str, str]]:
    """One row an order: its spec, and for each task the state of its weights."""
    from fdp_bench.api import PolicySpec

    states: dict[str, list[str]] = {}
    for task_name, task in tasks.items():
        for order in policy.orders(task):
            spec = PolicySpec(name, order)
            state = _weights_state(policy.weights(spec, task))
            states.setdefault(str(spec), []).append(f"{task_name}: {state}")
    return [(spec, ", ".join(of_tasks)) for spec, of_tasks in states.items()]


def _weights_state(weights: "WeightsInfo") -> str:
    if not weights.available:
        return "no weights"
    return f"{weights.source} ({weights.sha256[:8]})" if weights.sha256 else "ready"


def _option_lines(options: "Mapping[str, tuple[str, ...] | str]") -> list[str]:
    lines = []
    for key, values in options.items():
        shown = f"any value (default {values})" if isinstance(values, str) else "|".join(values)
        lines.append(f"      ?{key}={shown}")
    return lines


def _not_installed(command: str) -> str:
    return f" (not installed: {command})"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
