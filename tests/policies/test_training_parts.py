"""What a training shares with its process and with others: memory and locks."""

import io
import threading
import time
from contextlib import redirect_stderr, suppress

import numpy as np
import pytest
from fdp_policies.training import memory
from fdp_policies.training.fit import fit
from fdp_policies.training.lock import only_maker
from fdp_policies.training.losses import partners_of
from fdp_policies.training.memory import freed_memory_kept
from fdp_policies.training.settings import fit_from_settings

from fdp_bench.api import PolicySpec, SpecError


class FakeGlibc:
    def __init__(self):
        self.set = {}
        self.trimmed = 0

    def mallopt(self, parameter, value):
        self.set[parameter] = value

    def malloc_trim(self, _):
        self.trimmed += 1


def test_freed_memory_is_kept_while_training_and_given_back_after(monkeypatch):
    glibc = FakeGlibc()
    monkeypatch.setattr(memory, "_glibc", lambda: glibc)
    with suppress(KeyboardInterrupt), freed_memory_kept():
        during = dict(glibc.set)
        assert not glibc.trimmed
        raise KeyboardInterrupt

    assert all(during[parameter] > 2**20 for parameter in (-1, -2, -3))
    assert set(glibc.set.values()) == {128 * 1024}
    assert glibc.trimmed == 1


def test_where_there_is_no_glibc_nothing_happens(monkeypatch):
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    with freed_memory_kept():
        pass


def started_and_waiting(thread):
    """Start a thread, wait until it says that somebody else makes its network, and return what it said."""
    # Pytest's own capture may lose what is written while it is read.
    with redirect_stderr(io.StringIO()) as said:
        thread.start()
        while "waiting for it" not in said.getvalue():
            assert thread.is_alive()
            time.sleep(0.01)
    return said.getvalue()


def test_a_second_maker_of_a_network_waits_for_the_first(tmp_path):
    order = []

    def second():
        with only_maker(tmp_path, "base-prop"):
            order.append("second")

    with only_maker(tmp_path, "base-prop"):
        thread = threading.Thread(target=second)
        said = started_and_waiting(thread)
        order.append("first")
    thread.join()

    assert order == ["first", "second"]
    assert "base-prop is being trained" in said


def test_makers_of_other_networks_do_not_wait(tmp_path):
    with only_maker(tmp_path, "base-prop"), only_maker(tmp_path, "base-vision"):
        pass


def test_a_training_waits_while_another_makes_its_network(make_job, tmp_path):
    """The second begins while the first holds the base, as two processes would."""
    job = make_job("base", "prop")
    with only_maker(job.out, "base-prop"):
        thread = threading.Thread(target=fit, args=(job,))
        started_and_waiting(thread)
        assert not (job.out / "base-prop.safetensors").exists()
    thread.join()

    assert (job.out / "base-prop.safetensors").exists()


@pytest.mark.parametrize(("key", "value"), [("threads", "0"), ("threads", "two"), ("compile", "yes")])
def test_settings_of_the_process_are_checked_before_anything_is_read(task, tmp_path, key, value):
    with pytest.raises(SpecError, match=f"{key}="):
        fit_from_settings(PolicySpec("dp-dit"), task, tmp_path / "none.npz", tmp_path, {key: value})


def test_a_shuffled_window_comes_from_another_demonstration_at_the_same_phase():
    lengths = np.array([12, 30, 7, 21])
    demo_of_window = np.repeat(np.arange(4), lengths)
    windows = np.arange(0, 70, 3)
    partners = partners_of(demo_of_window, windows)
    starts = np.cumsum(lengths) - lengths
    assert (demo_of_window[partners] != demo_of_window[windows]).all()

    def phase(chosen):
        return (chosen - starts[demo_of_window[chosen]]) / lengths[demo_of_window[chosen]]

    assert np.abs(phase(partners) - phase(windows)).max() < 1 / lengths.min()
    assert {(a, b) for a, b in zip(demo_of_window[windows], demo_of_window[partners], strict=True)} >= {
        (1, 0),
        (1, 2),
        (1, 3),
    }


def test_a_lone_demonstration_is_its_own_partner_half_of_it_away():
    assert partners_of(np.zeros(10, np.int64), np.array([0, 7])).tolist() == [5, 2]
