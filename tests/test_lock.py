"""The lock files agree with pyproject.toml, and name no registry."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("lock-py311.txt", "lock-py311-cpu.txt")


def locked(name: str) -> dict[str, tuple[Version, int]]:
    """Distribution -> its version and how many hashes stand under it."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    entries = re.findall(
        r"^([A-Za-z0-9._-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})*)$", text, re.MULTILINE
    )
    stated = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(entries) == len(stated), "a line is no pinned distribution with hashes"
    return {
        canonicalize_name(entry): (Version(version), hashes.count("--hash"))
        for entry, version, hashes in entries
    }


@pytest.mark.parametrize("name", LOCKS)
def test_every_dependency_is_locked_within_its_bounds(name):
    lock = locked(name)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [Requirement(text) for text in project["dependencies"]]

    missing = [need.name for need in needed if canonicalize_name(need.name) not in lock]
    outside = [
        str(need) for need in needed if not need.specifier.contains(lock[canonicalize_name(need.name)][0])
    ]
    assert (missing, outside) == ([], [])


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_file_has_a_hash(name):
    assert [entry for entry, (_, hashes) in locked(name).items() if not hashes] == []


@pytest.mark.parametrize("name", [*LOCKS, "lerobot.txt"])
def test_lock_files_name_no_registry_and_no_folder(name):
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")

    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host| @ ", text)


def test_both_locks_differ_by_pytorch_and_cuda_alone():
    public, cpu = (locked(name) for name in LOCKS)

    assert set(cpu) <= set(public)
    assert all(re.match(r"nvidia-|cuda-|triton$", entry) for entry in set(public) - set(cpu))
    assert {entry for entry in cpu if cpu[entry][0] != public[entry][0]} == {"torch"}
    assert cpu["torch"][0].public == public["torch"][0].public
