import os

import pytest

from fdp_bench.api import SpecError
from fdp_bench.cli._redirect import Redirect, explanation, find_redirect, is_concerned, restore_orders


def found(folder, name):
    with (folder / name).open("w") as handle:
        return find_redirect(folder, handle.fileno())


@pytest.mark.parametrize(
    "name", ["vision", "prop", "tactile", "vision+tactile", "vision@weights", "prop?sampler=ddpm"]
)
def test_a_file_that_bears_modalities_names_is_a_redirect(tmp_path, name):
    assert found(tmp_path, name) == Redirect(name)


@pytest.mark.parametrize("name", ["table.txt", "vision.txt", "visions", "+"])
def test_any_other_file_is_not(tmp_path, name):
    assert found(tmp_path, name) is None


def test_a_pipe_or_a_file_elsewhere_is_not(tmp_path):
    reader, writer = os.pipe()
    assert find_redirect(tmp_path, writer) is None
    os.close(reader)
    os.close(writer)
    with (tmp_path / "vision").open("w") as handle:
        (tmp_path / "elsewhere").mkdir()
        assert find_redirect(tmp_path / "elsewhere", handle.fileno()) is None


def test_empty_files_of_overridden_redirects_are_leftovers(tmp_path):
    (tmp_path / "vision").write_text("")
    (tmp_path / "tactile").write_text("somebody's")

    assert found(tmp_path, "prop") == Redirect("prop", ("vision",))


@pytest.mark.parametrize(
    ("typed", "file", "meant"),
    [
        (["fdp:prop"], "vision", ["fdp:prop"]),
        (["fdp:vision", "dp-dit"], "prop", ["fdp:vision", "dp-dit"]),
        (["base:prop"], "vision", ["base:prop"]),
        (["fdp:prop", "fdp:vision"], "prop", ["fdp:prop", "fdp:vision"]),
        (["fdp:prop", "base:prop"], "vision", ["fdp:prop", "base:prop"]),
        (["fdp:vision"], "tactile", ["fdp:vision>tactile"]),
        (["dp-dit", "fdp:prop+vision"], "tactile", ["dp-dit", "fdp:prop+vision>tactile"]),
        (["fdp:prop"], "vision@weights", ["fdp:prop>vision@weights"]),
        (["fdp:vision"], "vision", ["fdp:vision>vision"]),
        (["fdp:prop>vision"], "tactile", ["fdp:prop>vision"]),
    ],
)
def test_the_policy_that_was_meant_is_put_back(typed, file, meant):
    assert restore_orders(typed, Redirect(file)) == meant


@pytest.mark.parametrize(
    ("typed", "redirect"),
    [
        (["fdp:prop", "fdp:vision"], Redirect("tactile")),
        (["fdp:prop", "fdp:tactile"], Redirect("vision")),
        (["fdp:vision", "fdp:vision"], Redirect("prop", ("tactile",))),
    ],
)
def test_when_it_cannot_be_told_which_policy_was_cut_it_is_an_error(typed, redirect):
    with pytest.raises(SpecError, match="cannot be told; quote each policy"):
        restore_orders(typed, redirect)


def test_a_policy_without_an_order_is_not_concerned():
    assert not is_concerned(["dp-dit", "fdp:prop>vision", "fdp:prop@weights"])
    assert is_concerned(["dp-dit", "fdp:prop"])


def test_the_explanation_says_what_happened_and_how_to_quote():
    text = explanation(["fdp:prop"], ["fdp:prop"], Redirect("vision", ("prop",)))

    assert "redirect" in text
    assert '--policy "fdp:prop>vision"' in text
    assert "rm vision prop" in text
