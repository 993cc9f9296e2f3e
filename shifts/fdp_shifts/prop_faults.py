"""Proprioception that comes late, is lost or sticks: `prop_delay`, `prop_dropout` and `prop_freeze`.

A robot's readings come from devices that fail apart: ``joints`` (encoders), ``pose`` (the hand's position and
rotation) and ``fingers``; components that an environment says nothing of are one device, ``other``.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt

from fdp_bench.api import Observation
from fdp_bench.api.shift import DEFAULT_LEVEL, LEVELS
from fdp_shifts.occlusion import loss_steps
from fdp_shifts.parameters import whole_number
from fdp_shifts.reading_losses import DropoutShift
from fdp_shifts.readings import DEVICE_OF_KIND, Reading, ReadingShift, chosen_devices
from fdp_shifts.timing import LONGEST_DELAY_STEPS, LONGEST_OPTION_STEPS, delay_steps


class PropDelay(ReadingShift):
    """Readings come late by a fixed time; until the first of them is due, the reading of reset stands.

    Options:
        parts: ``all``, or devices joined by commas, for instance ``joints,fingers``.
        steps: Delay at severity 1, control steps, 1-400.
    """

    name = "prop_delay"
    summary = "the arm's own readings come late, by up to 2 s"
    option_values: ClassVar = {"parts": "all", "steps": str(LONGEST_DELAY_STEPS)}

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, severity: float = DEFAULT_LEVEL / LEVELS, **options: Any
    ) -> None:
        super().__init__(env, severity=severity, **options)
        self.late_devices = chosen_devices(self)
        longest = whole_number(self.name, self.options, "steps", low=1, high=LONGEST_OPTION_STEPS)
        self.delay_steps = delay_steps(self.severity, longest)

    def begin(self, observation: Observation) -> None:
        """Forget the readings of the episode before."""
        del observation
        self._past: dict[str, deque[Reading]] = {key: deque(maxlen=self.delay_steps + 1) for key in self.keys}

    def alter_reading(self, key: str, reading: Reading) -> Reading:
        """See `ReadingShift.alter_reading`."""
        self._past[key].append(reading)
        return np.where(self._of_devices(key, self.late_devices), self._past[key][0], reading)

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        longest = whole_number(cls.name, options, "steps", low=1, high=LONGEST_OPTION_STEPS)
        return {"delay, control steps": str(delay_steps(severity, longest))}

    def parameters(self) -> dict[str, Any]:
        """See `ObservationShift.parameters`."""
        return {"delay_steps": self.delay_steps, "parts": list(self.late_devices)}

    def _of_devices(self, key: str, devices: tuple[str, ...]) -> npt.NDArray[np.bool_]:
        return np.array([self.device_of(kind) in devices for kind in self.kinds[key]])


class PropDropout(DropoutShift):
    """Messages of the arm's devices are lost, by chance and for each device apart.

    Options:
        parts: ``all``, or devices joined by commas, for instance ``joints,fingers``.
        reads: See `DropoutShift`.
        share: See `DropoutShift`.
    """

    name = "prop_dropout"
    summary = "messages of the arm's devices are lost and read zero"
    option_values: ClassVar = {"parts": "all", **DropoutShift.option_values}

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, severity: float = DEFAULT_LEVEL / LEVELS, **options: Any
    ) -> None:
        super().__init__(env, severity=severity, **options)
        self.failing_devices = chosen_devices(self)

    def may_fail(self, device: str) -> bool:
        """See `DropoutShift.may_fail`."""
        return device in self.failing_devices


class PropFreeze(ReadingShift):
    """Readings stick for good, one device after another, within the first 2 s.

    The order of the devices is drawn. Severity is the stuck share of (devices x 40 control steps), as for cameras in
    ``occlusion?kind=camera``: at severity 1 all show the reading of reset.

    Options:
        parts: ``all``, or devices joined by commas, for instance ``joints,fingers``.
    """

    name = "prop_freeze"
    summary = "the arm's own readings stick, one device after another"
    option_values: ClassVar = {"parts": "all"}

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, severity: float = DEFAULT_LEVEL / LEVELS, **options: Any
    ) -> None:
        super().__init__(env, severity=severity, **options)
        self.failing_devices = chosen_devices(self)

    def begin(self, observation: Observation) -> None:
        """Draw the order in which devices stick, for all of them: a choice leaves the others' order as it was."""
        del observation
        order = [self.devices[i] for i in self.rng.permutation(len(self.devices))]
        failing = [device for device in order if device in self.failing_devices]
        steps = loss_steps(self.severity, len(failing))
        self._stuck_from = dict(zip(failing, steps, strict=True))
        self._shown: dict[str, Reading] = {}

    def alter_reading(self, key: str, reading: Reading) -> Reading:
        """See `ReadingShift.alter_reading`."""
        before = self._shown.get(key, reading)
        self._shown[key] = np.where(self._stuck_since(key), before, reading)
        return self._shown[key].copy()

    def _stuck_since(self, key: str) -> npt.NDArray[np.bool_]:
        """Which components stuck at an earlier control step; at its own the device still shows the present."""
        steps = [self._stuck_from.get(self.device_of(kind)) for kind in self.kinds[key]]
        return np.array([step is not None and self.step_count > step for step in steps])

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        del options
        steps = loss_steps(severity, len({*DEVICE_OF_KIND.values()}))
        shown = ", ".join("never" if step is None else f"step {step}" for step in steps)
        return {"first, second and third device stuck from": shown}

    def parameters(self) -> dict[str, Any]:
        """See `ObservationShift.parameters`."""
        return {"stuck_from_step": self._stuck_from}
