import json
import re

import pytest
from record_data import manifest

from fdp_bench.api import RunError
from fdp_bench.records import Manifest

ARM = {"policy": "dp-dit", "checkpoint": "", "shift": "clean", "severity": 0.0, "slug": "dp-dit_clean"}


def test_a_manifest_is_read_back_as_it_was_written(tmp_path):
    path = tmp_path / "manifest.json"
    written = manifest(arms=[ARM], versions={"numpy": "2.0"})
    written.write(path)

    read = Manifest.read(path)

    assert read.to_json() == written.to_json()
    assert [entry.name for entry in tmp_path.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"schema": 99}', "schema 99"),
        ('{"schema": 1}', "incomplete"),
        ('{"schema": 1, "x": ' + "[" * 100_000, "nested too deeply"),
        ('{"schema": 1, "x": NaN}', "NaN"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(tmp_path, text, why):
    path = tmp_path / "manifest.json"
    path.write_text(text)

    with pytest.raises(RunError, match=why):
        Manifest.read(path)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": 3}, "name is 3"),
        ({"episodes_planned": 2**70}, "huge number"),
        ({"arms": [{**ARM, "slug": "../../somewhere/else"}]}, "no plain name of a file"),
        ({"arms": [{**ARM, "slug": "/tmp/x"}]}, "no plain name of a file"),
        ({"arms": [{**ARM, "severity": "high"}]}, "severity"),
        ({"arms": [3]}, "arms"),
        ({"policies": [{"spec": "dp-dit", "card": []}]}, "card is a list"),
        ({"config": {"seed": 1.5}}, "config.seed"),
    ],
)
def test_a_manifest_of_other_types_is_refused(tmp_path, changes, why):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**manifest().to_json(), **changes}))

    with pytest.raises(RunError, match=re.escape(why)):
        Manifest.read(path)


def test_a_field_of_a_later_minor_version_is_passed_over(tmp_path):
    path = tmp_path / "manifest.json"
    manifest().write(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "novelty": 1}))

    assert Manifest.read(path).name == "test"


def test_invocations_tell_how_a_run_went(tmp_path):
    first = manifest().started({"command": "a"}).ended("interrupted", episodes=3)
    second = first.started({"command": "b"})

    assert second.status == "running"
    assert [entry.get("episodes") for entry in second.invocations] == [3, None]
    assert second.ended("complete").status == "complete"
