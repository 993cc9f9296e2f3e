"""Every way in for a stranger's input, each with the inputs that it is tried with."""

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from . import binaries, guards, imports, lerobot, records, reports, specs, stored, texts
from .watch import Tally, watch


@dataclass(frozen=True)
class Surface:
    """A way in.

    Attributes:
        inputs: What it is given, or seeds of that.
        entry: The code that reads it.
        warm_up: Called once beforehand, so that imports and samples are no input's doing.
        share: How many of the inputs that are asked for it gets, in (0, 1]; fewer where many take a scene each.
    """

    inputs: Callable[[], st.SearchStrategy[Any]]
    entry: Callable[[Any], None]
    warm_up: Callable[[], Any] = lambda: None
    share: float = 1.0

    def examples(self, asked: int) -> int:
        """How many inputs it gets where so many are asked for."""
        return round(asked * self.share)


def _warm_records() -> None:
    records.use(records.whole_run())


def _warm_checkpoint() -> None:
    from fdp_policies.acting.chunk_sampler import load_denoiser
    from fdp_policies.checkpoints.checkpoint import Checkpoint

    load_denoiser(Checkpoint.open(binaries.checkpoint_sample() / "fdp-prop-vision.safetensors"), "cpu")
    binaries.npz_sample()


SURFACES: Mapping[str, Surface] = {
    "specs": Surface(
        specs.specs,
        specs.read_spec,
        specs.warm_up,
    ),
    "toml": Surface(texts.toml_files, texts.read_toml_file, lambda: texts.read_toml_file(texts.SUITE)),
    "jsonl": Surface(records.seeds, records.read_lines, _warm_records),
    "json": Surface(records.seeds, records.read_json_file, _warm_records),
    "hdf5": Surface(records.seeds, binaries.read_hdf5, binaries.hdf5_sample),
    "imports": Surface(records.seeds, imports.read_import, lambda: _ignored(imports.read_import), share=0.2),
    "lerobot": Surface(records.seeds, lerobot.read_lerobot, lambda: _ignored(lerobot.read_lerobot)),
    "npz": Surface(records.seeds, binaries.read_npz, binaries.npz_sample),
    "logs": Surface(records.seeds, reports.read_log, lambda: _ignored(reports.read_log)),
    "pictures": Surface(records.seeds, reports.read_picture, lambda: _ignored(reports.read_picture)),
    "unfinished": Surface(records.seeds, stored.read_unfinished, stored.attempt_sample),
    "replays": Surface(records.seeds, stored.read_replay, lambda: _ignored(stored.read_replay)),
    "checkpoints": Surface(records.seeds, binaries.read_checkpoint, _warm_checkpoint),
    "calibrations": Surface(records.seeds, guards.read_calibration, guards.calibration_sample),
}


def _ignored(entry: Callable[[int], None]) -> None:
    """Call an entry for what it imports and makes."""
    for seed in range(20):
        with suppress(Exception):
            entry(seed)


def fuzz(name: str, examples: int) -> Tally:
    """Try a way in with so many inputs, in an empty folder that nothing may be written outside of.

    Args:
        name: Key of `SURFACES`.
        examples: How many are asked for; the same ones each time. See `Surface.share`.

    Returns:
        What became of them.
    """
    surface, tally = SURFACES[name], Tally()

    @settings(
        max_examples=surface.examples(examples),
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(surface.inputs())
    def run(example: Any) -> None:
        Path("last-input").write_text(ascii(example))
        tally.attempt(lambda: surface.entry(example), example)

    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="fdp-bench-fuzz-") as folder:
        os.chdir(folder)
        try:
            _forget_samples()
            surface.warm_up()
            watch()
            run()
        finally:
            os.chdir(before)
    return tally


def _forget_samples() -> None:
    """Samples lie in the folder of whoever made them."""
    for sample in (
        records.whole_run,
        binaries.hdf5_sample,
        binaries.npz_sample,
        binaries.checkpoint_sample,
        imports.minari_sample,
        reports.strip_sample,
        stored.attempt_sample,
        stored.replay_sample,
    ):
        sample.cache_clear()
