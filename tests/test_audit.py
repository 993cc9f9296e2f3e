"""An audit that learnt nothing never passes."""

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "requirements" / "audit.py"
FINE = {"name": "zipp", "version": "1.0", "vulns": []}
SKIPPED = {"name": "torch", "skip_reason": "Dependency not found on PyPI and could not be audited"}
WEAK = {"name": "six", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}


@pytest.fixture
def audit(monkeypatch):
    """Runs the script on what pip-audit would have said."""
    module_spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)

    def run(returncode, out, err=""):
        done = subprocess.CompletedProcess([], returncode, out, err)
        monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: done)
        return module.main(["lock.txt"])

    return run


@pytest.mark.parametrize(
    ("returncode", "packages", "expected"),
    [(0, [FINE], 0), (1, [FINE, WEAK], 1), (0, [FINE, SKIPPED], 3), (1, [SKIPPED, WEAK], 3), (0, [], 3)],
)
def test_no_answer_is_never_taken_for_no_vulnerability(audit, capsys, returncode, packages, expected):
    assert audit(returncode, json.dumps({"dependencies": packages})) == expected

    shown = capsys.readouterr()
    assert ("not audited" in shown.err) == (expected == 3)
    assert ("six 1.0: PYSEC-1, fixed in 1.1" in shown.out) == (WEAK in packages)


@pytest.mark.parametrize("out", ["", "No known vulnerabilities found", "[]", '{"dependencies": null}'])
def test_a_failure_is_told_in_one_line(audit, capsys, out):
    assert (
        audit(1, out, "Traceback (most recent call last):\n  ...\nConnectionError: Max retries exceeded") == 3
    )

    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert "about any package (pip-audit: ConnectionError: Max retries exceeded)" in line
