"""What users get: the names and files in the wheel."""

import configparser
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"fdp_bench": ROOT, "fdp_policies": ROOT / "policies", "fdp_shifts": ROOT / "shifts"}
#: Bundled weights of one network, and of all policies on three tasks together.
MAX_NETWORK_BYTES, MAX_WEIGHTS_BYTES = 4_000_000, 60_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    directory = tmp_path_factory.mktemp("wheel")
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(directory))
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def shipped(wheel):
    """Paths of the packages' files in the wheel, the distribution's metadata left out."""
    return {name for name in wheel.namelist() if not PurePosixPath(name).parts[0].endswith(".dist-info")}


def metadata_file(wheel, name):
    (path,) = (entry for entry in wheel.namelist() if entry.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


def test_only_the_three_packages_land_in_site_packages(shipped):
    assert {PurePosixPath(name).parts[0] for name in shipped} == set(PACKAGES)


def test_every_module_of_the_checkout_is_shipped(shipped):
    modules = {
        path.relative_to(root).as_posix()
        for package, root in PACKAGES.items()
        for path in (root / package).rglob("*.py")
    }

    assert modules == {name for name in shipped if name.endswith(".py")}


def test_every_folder_with_modules_is_a_package(shipped):
    folders = {str(PurePosixPath(name).parent) for name in shipped if name.endswith(".py")}

    assert {folder for folder in folders if f"{folder}/__init__.py" not in shipped} == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_types_are_announced(shipped, package):
    assert f"{package}/py.typed" in shipped


def test_no_tests_are_shipped(shipped):
    parts = {part for name in shipped for part in PurePosixPath(name).parts}

    assert parts.isdisjoint({"tests", "conftest.py"})
    assert not any(part.startswith("test_") for part in parts)


def test_the_reports_templates_are_shipped(shipped):
    folder = "fdp_bench/report/html/templates"
    templates = {f"{folder}/{path.name}" for path in (ROOT / folder).iterdir()}

    assert len(templates) == 3
    assert templates <= shipped


def test_the_suites_are_shipped(shipped):
    suites = {f"fdp_bench/suites/{path.name}" for path in (ROOT / "fdp_bench" / "suites").glob("*.toml")}

    assert suites
    assert suites <= shipped


def test_the_tested_versions_are_shipped(wheel):
    shipped_lock = wheel.read("fdp_bench/requirements/lock-py311.txt")

    assert shipped_lock == (ROOT / "requirements" / "lock-py311.txt").read_bytes()


def test_bundled_weights_are_shipped_with_their_cards(shipped):
    weights = {name for name in shipped if name.endswith(".safetensors")}
    in_checkout = {
        path.relative_to(ROOT / "policies").as_posix() for path in (ROOT / "policies").rglob("*.safetensors")
    }

    assert weights == in_checkout
    assert weights
    assert {str(PurePosixPath(name).with_suffix(".json")) for name in weights} <= shipped


def test_bundled_weights_stay_small(wheel):
    sizes = [entry.file_size for entry in wheel.infolist() if entry.filename.endswith(".safetensors")]

    assert max(sizes) <= MAX_NETWORK_BYTES
    assert sum(sizes) <= MAX_WEIGHTS_BYTES


def test_the_command_and_the_built_in_plugins_are_entry_points(wheel):
    entry_points = configparser.ConfigParser(delimiters="=")
    entry_points.read_string(metadata_file(wheel, "entry_points.txt"))

    assert dict(entry_points["console_scripts"]) == {"fdp-bench": "fdp_bench.cli.main:main"}
    assert set(entry_points["fdp_bench.policies"]) == {
        *("base", "bc", "dp-dit", "dp-unet", "fdp", "lerobot", "random", "replay", "router", "score-sum")
    }
    assert set(entry_points["fdp_bench.shifts"]) == {
        *(
            "blur",
            "brightness",
            "color",
            "contrast",
            "distractors",
            "frame_delay",
            "frame_drop",
            "jpeg",
            "noise",
        ),
        *("occlusion", "prop_bias", "prop_delay", "prop_drift", "prop_dropout", "prop_freeze", "prop_noise"),
        *("tactile_bias", "tactile_dropout", "tactile_noise"),
        *("camera_pose", "lighting", "texture"),
    }


def test_entry_points_name_shipped_modules(wheel, shipped):
    entry_points = configparser.ConfigParser(delimiters="=")
    entry_points.read_string(metadata_file(wheel, "entry_points.txt"))
    modules = {
        target.split(":")[0] for group in entry_points.sections() for target in entry_points[group].values()
    }

    assert {f"{module.replace('.', '/')}.py" for module in modules} <= shipped


def test_the_licence_is_shipped(wheel):
    (licence,) = (entry for entry in wheel.namelist() if entry.endswith("/LICENSE"))

    assert wheel.read(licence).decode().startswith("MIT License")
    assert "License-Expression: MIT" in metadata_file(wheel, "METADATA")
