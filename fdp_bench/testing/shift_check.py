"""The rules of a shift."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from fdp_bench.api import Receipt, Shift, ShiftConfigError
from fdp_bench.testing.error import ConformanceError
from fdp_bench.testing.play import (
    Environment,
    PlayedEpisode,
    Watch,
    global_seeds,
    mean_change,
    play,
    same_observation,
    same_observations,
)

WEAK, STRONG = 0.2, 1.0


@dataclass
class ShiftCheck:
    """A shift under test; each rule is a method and raises `ConformanceError`.

    Attributes:
        kind: The shift's class.
        env: An environment without shifts.
        options: Options of the shift.
        steps: Control steps an episode.
        seed: Seed of the episodes.
    """

    kind: type[Shift]
    env: Environment
    options: dict[str, Any]
    steps: int
    seed: int

    def run(self) -> None:
        """Check all rules."""
        self.declares_itself()
        self.refuses_bad_configuration()
        clean = self._play_clean()
        self.is_identity_at_severity_zero(clean)
        for severity in (WEAK, STRONG):
            shift, watch = self._build(severity)
            shifted = play(shift, watch, seed=self.seed, steps=self.steps)
            self.edits_nothing_in_place(shifted)
            self.keeps_the_form(clean, shifted)
            self.leaves_the_rest_alone(clean, shifted)
            self.writes_its_receipt(shift)
            self.is_determined_by_its_stream(shifted, severity)
            self.declares_its_lags(shifted, severity)
        self.has_a_growing_effect()

    def declares_itself(self) -> None:
        """Name, summary and lags are set."""
        if not (isinstance(self.kind, type) and issubclass(self.kind, Shift)):
            raise ConformanceError(f"{self.kind!r} is no subclass of fdp_bench.api.Shift")
        self._demand(bool(self.kind.name), "has no name: set the class attribute `name`")
        self._demand(bool(self.kind.summary), "has no summary: set the class attribute `summary`")
        for lags in (
            self.kind.frame_lags,
            *(self._build(severity)[0].frame_lags for severity in (WEAK, STRONG)),
        ):
            self._demand(
                0 in lags and all(isinstance(lag, int) and lag >= 0 for lag in lags),
                f"declares frame_lags {lags!r}: they are whole control steps >= 0, and 0 is among them",
            )

    def refuses_bad_configuration(self) -> None:
        """A bad severity or an unknown option raises `ShiftConfigError` in one line."""
        wrong_ones: tuple[dict[str, Any], ...] = (
            {"severity": -0.1},
            {"severity": 1.5},
            {"no_such_option": "1"},
        )
        for wrong in wrong_ones:
            try:
                self.kind(self.env, **{"severity": STRONG, **self.options, **wrong})
            except ShiftConfigError as error:
                self._demand("\n" not in str(error), f"explains what is wrong with {wrong} in several lines")
            else:
                self._demand(
                    False,
                    f"accepts {wrong}: hand severity and options on to Shift.__init__, which checks them",
                )

    def is_identity_at_severity_zero(self, clean: PlayedEpisode) -> None:
        """Severity 0 shows what the environment shows."""
        self._demand(
            same_observations(clean, self._play(0.0)),
            "is not the identity at severity 0: write `alter` or `dress`, which the base calls above 0 only",
        )

    def edits_nothing_in_place(self, shifted: PlayedEpisode) -> None:
        """Observations handed out by the environment stay as they were."""
        self._demand(
            not shifted.edited_in_place, "edits an observation in place: copy the arrays that it changes"
        )

    def keeps_the_form(self, clean: PlayedEpisode, shifted: PlayedEpisode) -> None:
        """Keys, shapes and dtypes are the environment's."""
        for before, after in zip(clean.observations, shifted.observations, strict=True):
            self._demand(before.keys() == after.keys(), f"turns keys {sorted(before)} into {sorted(after)}")
            for key, array in before.items():
                other = np.asarray(after[key])
                self._demand(
                    (other.shape, other.dtype) == (array.shape, array.dtype),
                    f"turns {key!r} from {array.dtype} {array.shape} into {other.dtype} {other.shape}",
                )

    def leaves_the_rest_alone(self, clean: PlayedEpisode, shifted: PlayedEpisode) -> None:
        """States, rewards, ends, and the observations of other modalities are the clean ones."""
        self._demand(
            (clean.states, clean.outcomes) == (shifted.states, shifted.outcomes),
            "changes the dynamics: under equal actions, states, rewards and ends must equal the clean ones",
        )
        own = self.env.unwrapped.metadata.get("modalities", {}).get(self.kind.modality, ())
        for before, after in zip(clean.observations, shifted.observations, strict=True):
            for key in sorted(before.keys() - {*own}):
                self._demand(
                    same_observation({key: before[key]}, {key: after[key]}),
                    f"changes {key!r}, which is none of its modality {self.kind.modality!r}: set `modality`",
                )

    def is_determined_by_its_stream(self, shifted: PlayedEpisode, severity: float) -> None:
        """Equal seeds give equal frames, whatever came before and whatever the global generators hold."""
        env, watch = self._build(severity)
        with global_seeds(self.seed + 1):
            play(env, watch, seed=self.seed + 1, steps=self.steps)
            repeated = play(env, watch, seed=self.seed, steps=self.steps)
        self._demand(
            same_observations(shifted, repeated),
            "is not determined by its stream: draw all random numbers from self.rng in `begin` or `dress`, and "
            "keep nothing from the episode before",
        )

    def declares_its_lags(self, shifted: PlayedEpisode, severity: float) -> None:
        """Drawing only the frames that are read, and those at the declared lags, gives the same frames."""
        read = (0, self.steps // 2, self.steps)
        lags = self._build(severity)[0].frame_lags
        drawn = {step - lag for step in read for lag in lags}
        sparse = self._play(severity, drawn=drawn)
        for step in read:
            self._demand(
                same_observation(sparse.observations[step], shifted.observations[step]),
                f"shows another frame at step {step} when frames that nobody reads are not drawn: count time by "
                f"self.step_count, or declare in frame_lags (now {lags}) which frames it reads",
            )

    def has_a_growing_effect(self) -> None:
        """Severity 1 changes something, and no less than a low severity, on average over a few episodes."""
        weak, strong = self._mean_change(WEAK), self._mean_change(STRONG)
        self._demand(strong > 0.0, f"changes nothing at severity {STRONG}, so it would pass as clean")
        self._demand(
            strong >= weak,
            f"changes less at severity {STRONG} ({strong:.4g}) than at {WEAK} ({weak:.4g}), on average",
        )

    def writes_its_receipt(self, shift: Shift) -> None:
        """The receipt is complete and JSON-ready."""
        receipt = shift.receipt()
        if not isinstance(receipt, Receipt):
            raise ConformanceError(f"shift {shift.name!r} gives {receipt!r} for a receipt")
        self._demand(receipt.shift == str(shift.shift_spec), f"is signed {receipt.shift!r} on its receipt")
        self._demand(receipt.status == "applied", f"was {receipt.status}; check it on another task")
        try:
            json.dumps(receipt.to_json(), allow_nan=False)
        except (TypeError, ValueError) as error:
            self._demand(False, f"puts on its receipt what JSON does not know: {error}")
        self._demand(
            receipt.pixel_change.keys() == {*shift.camera_keys},
            f"measured the pixel change of {sorted(receipt.pixel_change)}, not of {list(shift.camera_keys)}: "
            "leave `reset` to the base class",
        )

    def _mean_change(self, severity: float) -> float:
        changes = []
        for seed in range(self.seed, self.seed + 3):
            clean, shifted = self._play_clean(seed), self._play(severity, seed=seed)
            for before, after in zip(clean.observations, shifted.observations, strict=True):
                changes += [mean_change(before[key], after[key]) for key in before]
        return float(np.mean(changes))

    def _play_clean(self, seed: int | None = None) -> PlayedEpisode:
        watch = Watch(self.env)
        return play(watch, watch, seed=self.seed if seed is None else seed, steps=self.steps)

    def _play(
        self, severity: float, *, seed: int | None = None, drawn: Collection[int] | None = None
    ) -> PlayedEpisode:
        shift, watch = self._build(severity)
        seed = self.seed if seed is None else seed
        return play(shift, watch, seed=seed, steps=self.steps, drawn=drawn)

    def _build(self, severity: float) -> tuple[Shift, Watch]:
        watch = Watch(self.env)
        return self.kind(watch, severity=severity, **self.options), watch

    def _demand(self, kept: bool, violation: str) -> None:
        if not kept:
            raise ConformanceError(f"shift {self.kind.name or self.kind.__name__!r} {violation}")
