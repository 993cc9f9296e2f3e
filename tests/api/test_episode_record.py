"""Episode records as they are written and read."""

import pytest

from fdp_bench.api import EpisodeRecord, EpisodeSpec

SPEC = EpisodeSpec("fdp_bench/Lift-v1", "fdp:prop>vision?guard=on", "abc", "clean", 0.0, 0, 0)


def record(**facts):
    return EpisodeRecord(SPEC, "ok", success_once=True, success_held=True, steps=50, **facts)


def test_a_record_without_a_fallback_is_written_as_before_there_were_any():
    assert "fallback_share" not in record().to_json()
    assert EpisodeRecord.from_json(record().to_json()).fallback_share is None


@pytest.mark.parametrize("share", [0.0, 1 / 3, 1.0])
def test_the_share_of_a_fallback_is_read_as_it_was_written(share):
    assert EpisodeRecord.from_json(record(fallback_share=share).to_json()) == record(fallback_share=share)


@pytest.mark.parametrize("share", [-0.1, 1.5, "half", True])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="fallback_share"):
        EpisodeRecord.from_json({**record().to_json(), "fallback_share": share})
