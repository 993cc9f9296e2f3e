import pytest

from fdp_bench.api import EpisodeRecord, EpisodeSpec

SPEC = EpisodeSpec("fdp_bench/Lift-v1", "dp-dit", "c0", "clean", 0.0, 0, 0)


@pytest.mark.parametrize(
    ("status", "once", "counts"), [("ok", True, True), ("ok", False, False), ("error", True, False)]
)
def test_an_error_counts_as_a_failure_whatever_was_reached_before(status, once, counts):
    assert EpisodeRecord(SPEC, status, success_once=once, success_held=False, steps=5).succeeded is counts
