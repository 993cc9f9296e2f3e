"""Messages of vector senses that are lost: what then reads zero, or stays what it was."""

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium

from fdp_bench.api import Observation
from fdp_bench.api.shift import DEFAULT_LEVEL, LEVELS
from fdp_shifts.parameters import number
from fdp_shifts.readings import Reading, ReadingShift
from fdp_shifts.timing import MAX_LOST_SHARE, LossyLink, lost_share


class DropoutShift(ReadingShift):
    """Each device's messages are lost by chance; the first one, at reset, always arrives.

    Options:
        reads: What a lost message reads: ``zero``, or ``last``, the latest that arrived.
        share: Share of messages lost at severity 1, in [0, 1].
    """

    option_values: ClassVar = {"reads": ("zero", "last"), "share": str(MAX_LOST_SHARE)}

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, severity: float = DEFAULT_LEVEL / LEVELS, **options: Any
    ) -> None:
        super().__init__(env, severity=severity, **options)
        self.lost_share = lost_share(self.severity, number(self.name, self.options, "share", high=1.0))

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        share = lost_share(severity, number(cls.name, options, "share", high=1.0))
        return {"share of messages lost": f"{share:.2f}"}

    def component_devices(self, key: str) -> tuple[str, ...]:
        """The device that each component of a key comes from, shape (D,)."""
        return tuple(self.device_of(kind) for kind in self.kinds[key])

    def may_fail(self, device: str) -> bool:
        """Whether messages of a device are lost at all."""
        del device
        return True

    def begin(self, observation: Observation) -> None:
        """Draw the seed of each device's link."""
        del observation
        devices = sorted({device for key in self.keys for device in self.component_devices(key)})
        self._seeds = {device: int(self.rng.integers(2**32)) for device in devices}
        self._links = {
            device: LossyLink(seed, self.lost_share)
            for device, seed in self._seeds.items()
            if self.may_fail(device)
        }
        self._shown: dict[str, Reading] = {}

    def alter_reading(self, key: str, reading: Reading) -> Reading:
        """See `ReadingShift.alter_reading`."""
        before = self._shown.get(key, reading)
        for index, device in enumerate(self.component_devices(key)):
            if device in self._links and self._links[device].is_lost(self.step_count):
                reading[index] = before[index] if self.options["reads"] == "last" else 0.0
        self._shown[key] = reading.copy()
        return reading

    def parameters(self) -> dict[str, Any]:
        """See `ObservationShift.parameters`."""
        seeds = {device: self._seeds[device] for device in self._links}
        return {"lost_share": self.lost_share, "link_seeds": seeds}
