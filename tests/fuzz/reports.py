"""What a report reads beside a run's records: training logs, and the pictures that the run kept."""

import io
import json
import random
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np

from fdp_bench.api import RunError
from fdp_bench.api.validation import parse_json
from fdp_bench.records import Manifest
from fdp_bench.report.figures.films import find_films
from fdp_bench.report.figures.loss_plots import loss_plot, rise_plot
from fdp_bench.report.figures.plots import compose
from fdp_bench.report.figures.style import svg_bytes, themed
from fdp_bench.report.html.pictures import file_picture
from fdp_bench.report.runs import Runs
from fdp_bench.report.tables.losses import loss_table, rise_table
from fdp_bench.report.text.markup import csv_text, markdown_table

from .mutate import mutate_bytes, mutate_data

_ROWS = [
    {
        "phase": phase,
        "step": 100 * (number + 1),
        "train_loss": 0.3 / (number + 1),
        "heldout_loss": 0.2 / (number + 1),
        "rise_vision": [0.1 * number, 0.2 * number, 0.3 * number],
    }
    for phase in ("base", "residual")
    for number in range(4)
]
_LOG = "phase,step,train_loss,heldout_loss,rise_vision,rise_vision_low,rise_vision_high\n" + "".join(
    f"base,{100 * (number + 1)},{0.3 / (number + 1)},{0.2 / (number + 1)},{0.1 * number},0.0,{0.2 * number}\n"
    for number in range(5)
)
#: One in so many examples is drawn, which takes a second.
_DRAWN = 100


def read_log(seed: int) -> None:
    """Spoil a training's log, beside its checkpoint or in its card, and make tables and plots of it."""
    rng = random.Random(seed)
    source = Path("weights.safetensors").resolve()
    log = source.with_suffix(".csv")
    card: object = {"log": {"rows": _ROWS}}
    if rng.random() < 0.5:
        log.write_bytes(mutate_bytes(_LOG.encode(), rng))
        card = {}
    else:
        log.unlink(missing_ok=True)
        # As a manifest gives it: what JSON cannot say or the reader refuses does not come so far.
        with suppress(ValueError):
            card = parse_json(json.dumps(mutate_data(card, rng)))
    policy = {"spec": "fdp:prop>vision", "sha256": "c0", "source": str(source), "card": card}
    manifest = Manifest("m", "complete", "", {"task": "fdp_bench/Lift-v1"}, 0, policies=[policy])
    names = {("fdp:prop>vision", "c0"): "fdp:prop>vision"}
    runs = Runs((Path(),), (manifest,), ())
    tables = ((loss_plot, loss_table(runs, names)), (rise_plot, rise_table(runs, names)))
    plots = [draw(table) for draw, table in tables if not table.empty]
    for plot in plots:
        csv_text(plot.table)
        markdown_table(plot.layout)
        if rng.randrange(_DRAWN) == 0:
            with themed():
                svg_bytes(compose(plot))
    if len(plots) < len(tables):
        raise RunError("a log without losses, or without what its senses are worth")


@lru_cache(maxsize=1)
def strip_sample() -> bytes:
    """A small film strip."""
    from PIL import Image

    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (12, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def read_picture(seed: int) -> None:
    """Spoil a film strip and embed it."""
    rng = random.Random(seed)
    strips = Path("strips")
    strips.mkdir(exist_ok=True)
    for name in ("clean", "shifted"):
        (strips / f"{name}.png").write_bytes(mutate_bytes(strip_sample(), rng))
    arms = [
        {"policy": "dp-dit", "checkpoint": "", "shift": shift, "slug": slug}
        for shift, slug in (("clean", "clean"), ("occlusion@3", "shifted"))
    ]
    find_films(Path(), "fdp_bench/Lift-v1", arms)
    try:
        file_picture(strips / "clean.png", "a strip")
    except OSError as error:
        raise RunError(f"no strip: {error}") from error
