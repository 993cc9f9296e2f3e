"""Maps: what a file may say, and what is refused with the nearest valid word."""

import copy
import tomllib

import pytest
from external_page import page_file

from fdp_bench.api import SpecError
from fdp_bench.tasks import resolve_task
from fdp_bench.tasks.external.map_file import KINDS, parse_map, read_map
from fdp_bench.tasks.external.registry import find_map, map_data, packaged_maps, remember_data

EXAMPLE = tomllib.loads(page_file("reach.toml"))


def test_a_map_says_what_each_key_is_made_of():
    found = parse_map(EXAMPLE, "reach.toml")

    assert (found.id, found.environment, found.success) == (
        "mine/ReachByEye-v0",
        "reach:mine/Reach-v0",
        "reached",
    )
    (piece,) = found.vectors["prop"]
    assert (piece.start, piece.stop, piece.kind) == (0, 2, "position")
    assert (found.pictures["image.front"].camera, found.pictures["image.front"].side) == ("front", 84)
    assert found.scene.parts == {"object": ("ball",), "table": ("table",)}


@pytest.mark.parametrize(
    ("place", "key", "value", "why"),
    [
        ((), "enviroment", "a:b/C-v0", "did you mean 'environment'"),
        ((), "id", "Reach", "no id; write for instance"),
        ((), "id", "fdp_bench/Reach-v0", "this package's namespace"),
        ((), "environment", "", "'environment' is missing"),
        ((), "horizon", 0, "whole number above 0"),
        ((), "horizon", True, "whole number above 0"),
        ((), "control_hz", "fast", "no number above 0"),
        ((), "success", 3, "not a text"),
        ((), "modalities", {}, r"no \[modalities\]"),
        ((), "observation", [], "no table"),
        ((), "default_modalities", ["porp"], "did you mean 'prop'"),
        (("modalities",), "Vision", ["image.front"], "no modality's name"),
        (("modalities",), "touch", ["prop"], "'prop' stands there twice"),
        (("modalities",), "prop", "prop", "no list of texts"),
        (("observation",), "porp", {"slice": [0, 1]}, "no modality holds key 'porp'; did you mean 'prop'"),
        (("observation",), "prop", 3, "no list of pieces"),
        (("observation",), "prop", [], "no list of pieces"),
        (("observation", "prop"), "slise", [0, 2], "did you mean 'slice'"),
        (("observation", "prop"), "slice", [2, 2], "two rising whole numbers"),
        (("observation", "prop"), "slice", [0.0, 2.0], "two rising whole numbers"),
        (("observation", "prop"), "kind", "joints", "did you mean 'joint'"),
        (("observation", "prop"), "kind", "quaternion", "four numbers"),
        (("observation", "image.front"), "camrea", "front", "did you mean 'camera'"),
        (("observation", "image.front"), "render", True, "come from one of"),
        (("observation", "image.front"), "side", 8, "16-512"),
        (("scene",), "targt", ["ball"], "did you mean 'target'"),
        (("scene",), "target", "ball", "no list of texts"),
        (("scene", "parts"), "tabel", ["table"], "did you mean 'table'"),
    ],
)
def test_what_is_wrong_in_a_map_is_named_in_one_line(place, key, value, why):
    data = copy.deepcopy(EXAMPLE)
    table = data
    for name in place:
        table = table[name]
    table[key] = value

    with pytest.raises(SpecError, match=why) as refused:
        parse_map(data, "reach.toml")
    assert "reach.toml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_missing_or_no_toml_is_refused(tmp_path):
    (tmp_path / "broken.toml").write_text("id = ")

    with pytest.raises(SpecError, match="cannot be read"):
        resolve_task(str(tmp_path / "missing.toml"))
    with pytest.raises(SpecError, match="is no TOML"):
        resolve_task(str(tmp_path / "broken.toml"))


def test_a_task_named_by_its_file_is_known_by_its_id(example):
    assert resolve_task("reach.toml") == "mine/ReachByEye-v0"
    assert resolve_task("mine/ReachByEye-v0") == "mine/ReachByEye-v0"
    assert find_map("mine/ReachByEye-v0").environment == "reach:mine/Reach-v0"


def test_two_maps_of_one_id_are_refused(example):
    resolve_task("reach.toml")
    remember_data(map_data("mine/ReachByEye-v0"), "again")
    changed = {**map_data("mine/ReachByEye-v0"), "horizon": 7}

    with pytest.raises(SpecError, match="two different maps"):
        remember_data(changed, "changed")


def test_packaged_maps_are_well_formed_and_known_by_short_names():
    assert packaged_maps()
    for task_id, file in packaged_maps().items():
        assert read_map(file, packaged=True).id == task_id
        versioned = task_id.partition("/")[2]
        assert resolve_task(versioned) == resolve_task(versioned.rpartition("-v")[0]) == task_id
    with pytest.raises(SpecError, match="did you mean 'AdroitHandDoor'"):
        resolve_task("AdroitHandDor")


def test_kinds_are_those_that_shifts_of_readings_know():
    from fdp_shifts.prop_errors import ERROR_SCALE

    assert {kind.replace("quaternion", "rotation") for kind in KINDS} == set(ERROR_SCALE)
