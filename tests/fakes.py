"""A plugin distribution for tests, of the policies and shifts of `fake_policies` and `fake_shifts`.

Module names are seen by spawned workers too, because they get the test process's `sys.path`.
"""

import os
from pathlib import Path

import pytest


class Nothing:
    """No plugin at all."""


POLICIES = {
    "seeker": "fake_policies:Seeker",
    "watcher": "fake_policies:Watcher",
    "blind": "fake_policies:Blind",
    "faulty": "fake_policies:Faulty",
    "moody": "fake_policies:Moody",
    "greedy": "fake_policies:Greedy",
    "breaker": "fake_policies:Breaker",
    "misbuilt": "fake_policies:Misbuilt",
    "untrained": "fake_policies:Untrained",
    "pusher": "fake_policies:Pusher",
    "caller": "fake_policies:Caller",
    "own-caller": "fake_policies:OwnCaller",
    "picky": "fake_policies:Picky",
    "remembering": "fake_policies:Remembering",
}
SHIFTS = {
    "dim": "fake_shifts:Dim",
    "lagging": "fake_shifts:Lagging",
    "repaint": "fake_shifts:Repaint",
    "meddler": "fake_shifts:Meddler",
}


def install_distribution(
    folder: Path, name: str, *, policies: dict[str, str], shifts: dict[str, str]
) -> None:
    """Write a distribution's metadata into a folder; on `sys.path` the folder makes its entry points known."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = ["[fdp_bench.policies]", *(f"{key} = {value}" for key, value in policies.items())]
    lines += ["[fdp_bench.shifts]", *(f"{key} = {value}" for key, value in shifts.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def fakes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that offers this file's plugins when it is on the path."""
    folder = tmp_path_factory.mktemp("fakes")
    install_distribution(folder, "fdp-bench-fakes", policies=POLICIES, shifts=SHIFTS)
    return folder


@pytest.fixture
def fakes(fakes_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugins of this file, installed for one test and its spawned workers."""
    monkeypatch.syspath_prepend(fakes_folder)


@pytest.fixture
def fakes_environment(fakes_folder: Path) -> dict[str, str]:
    """Environment variables of a subprocess that has these plugins."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(fakes_folder), str(Path(__file__).parent)])}
