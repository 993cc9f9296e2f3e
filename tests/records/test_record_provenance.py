import subprocess

import pytest

from fdp_bench.records.provenance import DISTRIBUTIONS, LIBJPEG, git_state, machine, versions


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "package/__init__.py")
    git(tmp_path, "commit", "-q", "-m", "first")
    return package


def test_a_clean_checkout_is_known_by_its_commit(checkout):
    state = git_state(checkout)

    assert len(state["commit"]) == 40
    assert state["dirty"] is False


def test_a_changed_tracked_file_makes_it_dirty(checkout):
    (checkout / "__init__.py").write_text("changed = True")

    assert git_state(checkout)["dirty"] is True


def test_two_changes_of_one_commit_are_told_apart(checkout):
    states = []
    for text in (b"a = 1\n", b"a = 2\n", b"\xff\x00 no text", b"a = 1\n"):
        (checkout / "__init__.py").write_bytes(text)
        states.append(git_state(checkout))

    assert len({state["commit"] for state in states}) == 1
    assert states[0] == states[3]
    assert len({state["changes"] for state in states}) == 3


def test_a_package_that_only_lies_inside_a_checkout_is_not_part_of_it(checkout):
    installed = checkout.parent / "site-packages" / "fdp_bench"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")

    assert git_state(installed) == {}


def test_versions_name_everything_that_can_move_a_number():
    found = versions()

    assert {*found} == {*DISTRIBUTIONS, LIBJPEG}
    assert {"pillow", "scipy", "numba", "llvmlite", "fast-simplification"} <= {*found}
    assert found["fdp-bench"][0].isdigit()


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({"libjpeg_turbo": "3.1.0", "jpg": "6.2"}, "turbo 3.1.0"),
        ({"jpg": "9.5"}, "9.5"),
        ({}, "not installed"),
    ],
)
def test_the_library_behind_pillows_jpeg_is_named(monkeypatch, known, text):
    monkeypatch.setattr("PIL.features.version", known.get)

    assert versions()[LIBJPEG] == text


def test_the_machine_is_described():
    assert machine("cpu")["cores"] >= 1
    assert machine("cpu")["cpu"]
