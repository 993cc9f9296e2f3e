"""Pictures of a run that are none: the report does without them."""

import struct
import zlib

import pytest
from fake_records import twin_arms
from fake_runs import slugs, write_run
from pages import no_ladder

from fdp_bench.report.figures.picture_files import is_picture
from fdp_bench.report.html.pictures import file_picture
from fdp_bench.report.runs import load_runs
from fdp_bench.report.write import write_report

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return SIGNATURE + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


DAMAGED = {
    "empty": b"",
    "text": b"<script>",
    "huge": png(60_000, 60_000),
    "large": png(9_000, 9_000),
    "cut": png(10, 10)[:40],
    "chunk": SIGNATURE + b"\xff\xff\xff\xffIHDR",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_picture_is_one_kind_of_error(tmp_path, content):
    path = tmp_path / "strip.png"
    path.write_bytes(content)

    assert not is_picture(path)
    with pytest.raises(OSError, match=r"\S"):
        file_picture(path, "")


def test_a_report_does_without_damaged_strips(tmp_path):
    run = write_run(tmp_path / "run", twin_arms("+-", "-+"))
    (run / "strips").mkdir()
    for slug, content in zip(slugs(run).values(), DAMAGED.values(), strict=False):
        (run / "strips" / f"{slug}.png").write_bytes(content)

    write_report(load_runs([run]), tmp_path / "report", no_ladder, ("fdp-bench", "report"))

    assert (tmp_path / "report" / "report.html").is_file()
    assert not list((tmp_path / "report").glob("film-*.png"))
