"""The policies that come with the package, diagnosed on the real task."""

import json

import pytest

from fdp_bench.cli.main import main


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["fdp:prop>vision", "fdp:vision>prop", "dp-dit"])
def test_bundled_policies_are_not_accused(policy, tmp_path):
    found = tmp_path / "found.json"

    code = main(["diagnose", "--policy", policy, "--episodes", "4", "--strict", "--json", str(found)])

    diagnosis = json.loads(found.read_text())
    rates = {each["condition"]: each["rate"] for each in diagnosis["success"]}
    assert code == 0
    assert rates["as it is"] >= 0.75
    assert rates["vision black"] < rates["as it is"]
    failures = {each["name"]: each["state"] for each in diagnosis["verdicts"] if each["state"] != "noted"}
    if policy != "dp-dit":
        assert failures == dict.fromkeys(("lazy residual", "overfitted base", "changed base"), "not found")
