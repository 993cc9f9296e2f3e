"""An audit that learnt nothing never passes."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "requirements" / "audit.py"


def audit(monkeypatch, returncode, out="", err=""):
    module_spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    done = subprocess.CompletedProcess([], returncode, out, err)
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: done)
    return module.main(["lock.txt"])


@pytest.mark.parametrize(
    ("returncode", "out", "err", "expected"),
    [
        (0, "", "No known vulnerabilities found", 0),
        (1, "zipp 1.0 PYSEC-1", "Found 1 known vulnerability in 1 package", 1),
        (
            0,
            "zipp Dependency not found on PyPI and could not be audited",
            "No known vulnerabilities found",
            3,
        ),
        (1, "", "ConnectionError: Max retries exceeded", 3),
        (0, "", "", 3),
        (2, "", "usage: pip-audit", 3),
    ],
)
def test_no_answer_is_never_taken_for_no_vulnerability(monkeypatch, capsys, returncode, out, err, expected):
    assert audit(monkeypatch, returncode, out, err) == expected
    assert ("not audited" in capsys.readouterr().err) == (expected == 3)
