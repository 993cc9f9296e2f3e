"""The main job without a network: every process of a run may open no socket but those between processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: Python's `sitecustomize` runs in every process at its start, workers included.
BLOCKER = """
import os
import sys

_NAMES = ("connect", "bind", "getaddrinfo", "gethostbyname", "sendto")
_NAMES = {"urllib.Request", *(f"socket.{name}" for name in _NAMES)}


def _refuse(event, arguments):
    if event == "socket.__new__":
        family = int(arguments[1])
        if family not in (-1, 1):  # AF_UNIX; -1: taken over from another process
            _note(f"a socket of family {family}")
    elif event in _NAMES:
        # multiprocessing's own sockets are paths of the file system.
        if event in ("socket.connect", "socket.bind") and isinstance(arguments[1], (str, bytes)):
            return
        _note(f"{event} {arguments[1:]}")


def _note(what):
    with open(os.environ["OFFLINE_LOG"], "a") as file:
        file.write(f"{os.getpid()} {what}\\n")
    raise PermissionError(f"no network here: {what}")


with open(os.environ["OFFLINE_PROCESSES"], "a") as file:
    file.write(f"{os.getpid()}\\n")
sys.addaudithook(_refuse)
"""


def environment(folder: Path) -> dict[str, str]:
    (folder / "sitecustomize.py").write_text(BLOCKER)
    (folder / "log").touch()
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "OFFLINE_LOG": str(folder / "log"),
        "OFFLINE_PROCESSES": str(folder / "processes"),
    }


def python(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )


def test_the_blocker_refuses_and_notes_what_would_leave_the_machine(tmp_path):
    code = "import socket; socket.create_connection(('127.0.0.1', 9))"
    done = python(tmp_path, "-c", code)

    assert "no network here" in done.stderr
    assert (tmp_path / "log").read_text()


def test_the_blocker_lets_processes_talk(tmp_path):
    code = "import socket; a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'"

    assert python(tmp_path, "-c", code).returncode == 0
    assert (tmp_path / "log").read_text() == ""


@pytest.mark.slow
@pytest.mark.parametrize("inference", ["worker", "shared"])
def test_the_main_job_needs_no_network(tmp_path, inference):
    arguments = ["--policy", "fdp:prop>vision", "--shift", "occlusion", "--episodes", "2", "--workers", "2"]
    done = python(
        tmp_path,
        "-m",
        "fdp_bench",
        "run",
        *arguments,
        "--inference",
        inference,
        "--out",
        str(tmp_path / "run"),
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "log").read_text() == ""
    assert len(set((tmp_path / "processes").read_text().split())) >= 2
    report = python(
        tmp_path, "-m", "fdp_bench", "report", str(tmp_path / "run"), "--out", str(tmp_path / "report")
    )
    assert report.returncode == 0, report.stderr
    assert (tmp_path / "log").read_text() == ""
