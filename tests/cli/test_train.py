import argparse

import pytest

from fdp_bench.api import DatasetError, SpecError
from fdp_bench.cli import train


def run(*arguments):
    parser = argparse.ArgumentParser()
    train.configure(parser)
    return train.run(parser.parse_args(["--policy", "dp-dit", "--task", "Lift", *arguments]))


def test_missing_data_names_the_command_that_makes_it_and_leaves_no_folder(tmp_path):
    with pytest.raises(DatasetError, match="fdp-bench demos collect --task Lift"):
        run("--data", str(tmp_path / "none.hdf5"), "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_file_that_is_no_demonstration_file_is_refused_and_leaves_no_folder(tmp_path):
    data = tmp_path / "data.hdf5"
    data.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(DatasetError, match="truncated or no HDF5 file"):
        run("--data", str(data), "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("setting", ["learning_rate", "=3", "learning_rate="])
def test_setting_that_is_no_pair_is_refused(tmp_path, setting):
    with pytest.raises(SpecError, match="KEY=VALUE"):
        run("--data", str(tmp_path / "none.hdf5"), "--set", setting)


def test_setting_that_has_an_option_of_its_own_points_to_it(tmp_path):
    with pytest.raises(SpecError, match="--num-demos"):
        run("--data", str(tmp_path / "none.hdf5"), "--set", "num_demos=3")
