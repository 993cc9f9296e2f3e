"""Pages written from records made by hand."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from fake_records import arm, twin_arms
from fake_runs import slugs, write_run
from fake_sweeps import severity_records, with_safety
from matplotlib.image import imsave

from fdp_bench.api import EpisodeRecord, SpecError
from fdp_bench.report.runs import load_runs
from fdp_bench.report.shift_previews.severity_frames import SeverityFrames
from fdp_bench.report.write import write_report

#: What must be shown and never run: as a policy's name, a shift's, an error's text, and a file name.
HOSTILE = "<script>document.title='taken'</script>"


def preview(task: str, shift: str) -> SeverityFrames:
    """Frames that darken from level to level."""
    rows = {
        severity: ({"image.front": np.full((12, 16, 3), round(200 - 100 * severity), np.uint8)},)
        for severity in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    }
    return SeverityFrames(task, shift, ("image.front",), ("episode 0",), rows, "frames made by hand")


def no_ladder(task: str, shift: str) -> SeverityFrames:
    """There is nothing to draw on."""
    raise SpecError(f"task {task!r} cannot be built")


def ordinary_records() -> list[EpisodeRecord]:
    """Two policies under a shift at three levels, with safety figures."""
    records = [
        record
        for policy, falls in (("fdp:prop>vision", (12, 11, 9, 7)), ("dp-dit", (11, 8, 4, 0)))
        for record in severity_records(
            dict(zip((0, 1, 3, 5), falls, strict=True)), policy=policy, episodes=12
        )
    ]
    return with_safety(records, *np.linspace(1.0, 30.0, len(records)))


def hostile_records() -> list[EpisodeRecord]:
    """A policy, shifts and an error that are called like scripts."""
    records = twin_arms("++-", "+-!", policy=HOSTILE, shift=f"{HOSTILE}@3")
    records += arm("+--", policy=HOSTILE, shift=f"undrawn{HOSTILE}@3", severity=0.6)
    return [replace(record, error=HOSTILE) if record.status == "error" else record for record in records]


def hostile_ladder(task: str, shift: str) -> SeverityFrames:
    """Frames whose camera, views and subject are called like scripts; of one shift there are none."""
    if shift.startswith("undrawn"):
        raise SpecError(HOSTILE)
    rows = {
        severity: ({f"image.{HOSTILE}": np.full((12, 16, 3), round(200 - 100 * severity), np.uint8)},)
        for severity in (0.0, 0.6)
    }
    return SeverityFrames(task, shift, (f"image.{HOSTILE}",), (HOSTILE,), rows, HOSTILE)


def write_hostile_page(folder: Path) -> Path:
    """Write a page on records whose names and errors look like scripts, which no run would accept."""
    run = write_run(folder / "run", twin_arms("+", "-"))
    with (run / "episodes.jsonl").open("w") as file:
        file.writelines(json.dumps(record.to_json()) + "\n" for record in hostile_records())
    manifest = run / "manifest.json"
    facts = json.loads(manifest.read_text())
    row = {
        "phase": HOSTILE,
        "step": 5,
        "train_loss": 1.0,
        "heldout_loss": 0.5,
        f"rise_{HOSTILE}": [0.1, 0.2, 0.3],
    }
    card = {"remake": HOSTILE, "log": {"rows": [row]}}
    (run / "strips").mkdir()
    for slug in ("a", "b"):
        imsave(run / "strips" / f"{slug}.png", np.full((24, 60, 3), 0.5))
    facts |= {
        "name": HOSTILE,
        "arms": [
            {"policy": HOSTILE, "checkpoint": "c0" * 32, "shift": shift, "severity": severity, "slug": slug}
            for shift, severity, slug in (("clean", 0.0, "a"), (f"{HOSTILE}@3", 0.6, "b"))
        ],
        "policies": [{"spec": HOSTILE, "sha256": "c0" * 32, "source": HOSTILE, "card": card}],
        "plugins": [dict.fromkeys(("kind", "name", "distribution", "version"), HOSTILE)],
        "machine": {HOSTILE: HOSTILE},
        "renderer": {"vendor": HOSTILE},
        "git": {"commit": HOSTILE, "dirty": True},
        "invocations": [{"command": HOSTILE}],
    }
    manifest.write_text(json.dumps(facts))
    write_report(
        load_runs([run]), folder / "report", hostile_ladder, ("fdp-bench", "report", HOSTILE), [HOSTILE]
    )
    return folder / "report" / "report.html"


def write_page(
    folder: Path,
    records: Sequence[EpisodeRecord],
    *,
    strips: bool = False,
    video: bool = False,
    **options: object,
) -> Path:
    """Write a run and its report; returns the page."""
    run = write_run(folder / "run", records)
    noise = np.random.default_rng(0)
    for slug in slugs(run).values():
        if strips:
            (run / "strips").mkdir(exist_ok=True)
            imsave(run / "strips" / f"{slug}.png", noise.random((24, 60, 3)))
        if video:
            (run / "videos").mkdir(exist_ok=True)
            (run / "videos" / f"{slug}_0001.mp4").touch()
    draw = options.pop("draw", preview)
    write_report(load_runs([run]), folder / "report", draw, ("fdp-bench", "report", "run"), **options)  # type: ignore[arg-type]
    return folder / "report" / "report.html"
