"""``fdp-bench doctor`` on what is installed: the packages that are required, and the extras."""

from collections.abc import Collection, Iterator, Mapping

from fdp_bench.cli._finding import INFO, OK, PROBLEM, WARNING, Finding
from fdp_bench.extras import DISTRIBUTION, Need, install_command, needs

#: Extra -> what takes it.
USES: Mapping[str, str] = {
    "robosuite": "the tasks of this package, Lift among them",
    "diffusion": "policies that are trained with PyTorch, fdp and dp-dit among them",
    "ray": "--executor ray",
    "lerobot-data": "LeRobotDatasets in `fdp-bench demos`",
    "robotics": "--task AdroitHandDoor",
}


def check_packages(distribution: str = DISTRIBUTION) -> Iterator[Finding]:
    """Whether every package that a distribution requires is installed in a version that it allows."""
    from fdp_bench.records.provenance import DISTRIBUTIONS

    required = needs("", distribution)
    for need in required:
        if not need.is_met:
            yield _wrong(need, PROBLEM, "packages")
    met = {need.name: need.installed for need in required if need.is_met}
    decisive = [f"{name} {met[name]}" for name in DISTRIBUTIONS if name in met]
    yield Finding(OK, "packages", f"{len(met)} as required, among them {', '.join(decisive)}")


def check_extras(asked: Collection[str] = ()) -> Iterator[Finding]:
    """Which extras are installed, and in versions that they allow.

    An extra that is not installed is no fault, unless it is asked for. Of one that is, another version than the only one
    allowed is a problem: it moves numbers.

    Args:
        asked: Extras that must be there; ``"all"`` stands for those of the main job.
    """
    wanted = {*asked, *(("robosuite", "diffusion") if "all" in asked else ())}
    installed = []
    for extra, use in USES.items():
        required = needs(extra)
        if any(need.is_missing for need in required):
            lacking = ", ".join(str(need) for need in required if need.is_missing)
            text = f"{extra} is not installed (missing: {lacking}); it is for {use}"
            yield Finding(PROBLEM if extra in wanted else INFO, "extras", text, install_command(extra))
            continue
        installed.append(extra)
        for need in required:
            if not need.is_met:
                yield _wrong(need, PROBLEM if need.is_exact or extra in wanted else WARNING, "extras")
    yield Finding(OK, "extras", f"installed: {', '.join(installed) or 'none'}")


def _wrong(need: Need, status: str, what: str) -> Finding:
    wanted = f"{need.name}{need.specifier}"
    state = need.installed or "not installed"
    return Finding(status, what, f"{need.name} is {state} (needed: {wanted})", f'pip install "{wanted}"')
