"""Vector senses: what each number of ``prop`` and ``tactile`` is, and the base of the shifts that alter them.

An environment says what its numbers are in ``metadata["components"]``, key -> kind of each component::

    metadata = {"components": {"prop": ("joint",) * 7 + ("position",) * 3 + ("quaternion",) * 4 + ("finger",) * 2}}

Where it says nothing, every component is of kind ``other`` and counts in the unit that it comes in.
"""

from abc import abstractmethod
from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt

from fdp_bench.api import Observation, ObservationShift, ShiftConfigError, UnsupportedShiftError, nearest
from fdp_bench.api.shift import DEFAULT_LEVEL, LEVELS

Reading = npt.NDArray[np.float64]

#: Kind of a component -> the device that it comes from. What a device sends is lost, late or stuck together.
DEVICE_OF_KIND = {"joint": "joints", "position": "pose", "quaternion": "pose", "finger": "fingers"}
#: Kind of components that nothing is known of, and their device.
OTHER_KIND = "other"


class ReadingShift(ObservationShift):
    """A shift of a modality's vectors. Subclasses write `alter_reading`.

    Joint positions, the hand's pose and the finger positions are three readings that need not agree any more: each
    device errs by itself, as encoders, a tracked hand and a gripper do. A sensor saturates: what a shift makes of a
    reading stays within the bounds of the observation space.

    Attributes:
        keys: Observation keys of the modality.
        kinds: Key -> kind of each component, shape (D,).
        devices: Names of the devices, sorted.

    Raises:
        UnsupportedShiftError: If the environment has no such modality, or describes its components wrongly.
    """

    modality: ClassVar[str] = "prop"

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, severity: float = DEFAULT_LEVEL / LEVELS, **options: Any
    ) -> None:
        super().__init__(env, severity=severity, **options)
        self.keys = self._modality_keys()
        self.kinds = {key: self._kinds_of(key) for key in self.keys}
        self._bounds = {key: self._bounds_of(key) for key in self.keys}
        self.devices = tuple(
            sorted({self.device_of(kind) for of_key in self.kinds.values() for kind in of_key})
        )

    @abstractmethod
    def alter_reading(self, key: str, reading: Reading) -> Reading:
        """Return the altered reading for the current `self.step_count`; called once at each control step.

        Args:
            key: Observation key.
            reading: Unaltered reading, shape (D,), float64; the shift may keep and edit it.
        """

    def device_of(self, kind: str) -> str:
        """The device that components of a kind come from."""
        return DEVICE_OF_KIND.get(kind, kind)

    def alter(self, observation: Observation) -> Observation:
        """See `ObservationShift.alter`."""
        altered = dict(observation)
        for key in self.keys:
            clean = observation[key]
            reading = self.alter_reading(key, np.array(clean, dtype=np.float64).ravel())
            altered[key] = self._saturated(key, reading).reshape(clean.shape).astype(clean.dtype)
        return altered

    def quaternion_starts(self, key: str) -> tuple[int, ...]:
        """Indices of the first component of each quaternion, xyzw."""
        places = [index for index, kind in enumerate(self.kinds[key]) if kind == "quaternion"]
        return tuple(places[::4])

    def _saturated(self, key: str, reading: Reading) -> Reading:
        low, high = self._bounds[key]
        for start in self.quaternion_starts(key):
            part = slice(start, start + 4)
            # Either sign is the same rotation; bounds such as x >= 0 say which of them an environment shows.
            if not _lies_within(reading[part], low[part], high[part]) and _lies_within(
                -reading[part], low[part], high[part]
            ):
                reading[part] *= -1.0
        saturated: Reading = np.clip(reading, low, high)
        return saturated

    def _bounds_of(self, key: str) -> tuple[Reading, Reading]:
        box = self._boxes()[key]
        return box.low.ravel().astype(np.float64), box.high.ravel().astype(np.float64)

    def _modality_keys(self) -> tuple[str, ...]:
        modalities = self.env.unwrapped.metadata.get("modalities", {})
        keys = tuple(key for key in modalities.get(self.modality, ()) if key in self._boxes())
        if not keys:
            have = ", ".join(map(repr, sorted(modalities))) or "none"
            raise UnsupportedShiftError(
                f"shift {self.name!r} alters the modality {self.modality!r}, which {self.env.unwrapped} does not "
                f'have; it has {have}: choose another shift, or name the keys in metadata["modalities"]'
            )
        return keys

    def _kinds_of(self, key: str) -> tuple[str, ...]:
        size = int(np.prod(self._boxes()[key].shape))
        stated = self.env.unwrapped.metadata.get("components", {}).get(key)
        if stated is None:
            return (OTHER_KIND,) * size
        runs = "".join("q" if kind == "quaternion" else " " for kind in stated).split()
        if len(stated) != size or any(len(run) % 4 for run in runs):
            raise UnsupportedShiftError(
                f'shift {self.name!r}: metadata["components"][{key!r}] of {self.env.unwrapped} has {len(stated)} '
                f"kinds for {size} components; one for each is needed, and four for a quaternion"
            )
        return tuple(stated)

    def _boxes(self) -> dict[str, gymnasium.spaces.Box]:
        spaces = getattr(self.env.observation_space, "spaces", {})
        return {key: space for key, space in spaces.items() if isinstance(space, gymnasium.spaces.Box)}


def _lies_within(reading: Reading, low: Reading, high: Reading) -> bool:
    # A unit quaternion may exceed 1 by rounding.
    return bool(((low - 1e-6 <= reading) & (reading <= high + 1e-6)).all())


def chosen_devices(shift: ReadingShift) -> tuple[str, ...]:
    """Devices that a shift's option ``parts`` names: ``all``, or names joined by commas.

    Raises:
        ShiftConfigError: If the environment has no device of that name.
    """
    if shift.options["parts"] == "all":
        return shift.devices
    asked = shift.options["parts"].split(",")
    for device in asked:
        if device not in shift.devices:
            raise ShiftConfigError(
                f"option parts={shift.options['parts']} of shift {shift.name!r} names unknown part "
                f"{device!r}{nearest(device, [*shift.devices, 'all'])}"
            )
    return tuple(device for device in shift.devices if device in asked)
