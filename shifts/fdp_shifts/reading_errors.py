"""Errors added to vector senses: noise, bias and drift, in radians and metres where the numbers have such a unit."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np

from fdp_bench.api import Observation
from fdp_bench.api.shift import DEFAULT_LEVEL, LEVELS
from fdp_shifts.parameters import number
from fdp_shifts.readings import Reading, ReadingShift

#: A constant error's size on each component is drawn between this share of its scale and the whole of it.
LEAST_SHARE = 0.5


def add_errors(reading: Reading, errors: Reading, quaternion_starts: Sequence[int]) -> Reading:
    """Add errors to a reading; a pose's rotation is turned, so that it stays a rotation.

    Args:
        reading: Shape (D,). Not modified.
        errors: Shape (D,). Of the four at a quaternion's place the first three are a rotation vector about the axes of
            the frame that the quaternion is given in, radians; the fourth is not used.
        quaternion_starts: Where the quaternions (xyzw) begin.

    Returns:
        New reading, shape (D,).
    """
    wrong = reading + errors
    for start in quaternion_starts:
        wrong[start : start + 4] = turned(reading[start : start + 4], errors[start : start + 3])
    return wrong


def turned(quaternion: Reading, rotation_vector: Reading) -> Reading:
    """Turn a rotation, xyzw, by a rotation vector, radians; of the two signs the one near `quaternion`.

    Zeros, as a lost message reads, stay zeros.
    """
    half = 0.5 * float(np.linalg.norm(rotation_vector))
    # np.sinc is sin(pi x) / (pi x): exact at 0.
    turn = 0.5 * np.sinc(half / np.pi) * rotation_vector
    turn_w = np.cos(half)
    xyz, w = quaternion[:3], quaternion[3]
    product: Reading = np.append(
        turn_w * xyz + w * turn + np.cross(turn, xyz),
        turn_w * w - turn @ xyz,
    )
    return product


class ErrorShift(ReadingShift):
    """A shift that adds an error to each component. Subclasses write `errors_in_scales`.

    Attributes:
        scales: Key -> the error's scale at `self.severity`, shape (D,), in the components' units.
    """

    #: Kind of component -> option that holds its scale at severity 1; other kinds take `other_option`.
    option_of_kind: ClassVar[dict[str, str]] = {}
    other_option: ClassVar[str] = "other"
    #: Option -> what it holds and its unit, for tables.
    parameter_of_option: ClassVar[dict[str, str]] = {}

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, severity: float = DEFAULT_LEVEL / LEVELS, **options: Any
    ) -> None:
        super().__init__(env, severity=severity, **options)
        names = (*self.option_of_kind.values(), self.other_option)
        self._scale_of = {
            name: self.severity * number(self.name, self.options, name) for name in dict.fromkeys(names)
        }
        self.scales = {
            key: np.array([self._scale_of[self._option_of(kind)] for kind in kinds])
            for key, kinds in self.kinds.items()
        }

    @classmethod
    def parameters_at(cls, severity: float, options: Mapping[str, str]) -> dict[str, str]:
        """See `Shift.parameters_at`."""
        return {
            cls.parameter_of_option[name]: f"{severity * number(cls.name, options, name):.3g}"
            for name in cls.parameter_of_option
        }

    @abstractmethod
    def errors_in_scales(self, key: str, size: int) -> Reading:
        """Errors for the current `self.step_count` in units of the scales, shape (size,)."""

    def alter_reading(self, key: str, reading: Reading) -> Reading:
        """See `ReadingShift.alter_reading`."""
        errors = self.scales[key] * self.errors_in_scales(key, reading.size)
        return add_errors(reading, errors, self.quaternion_starts(key))

    def parameters(self) -> dict[str, Any]:
        """The scales of the kinds that the environment has, and what was drawn. See `ObservationShift.parameters`."""
        used = {self._option_of(kind) for kinds in self.kinds.values() for kind in kinds}
        return {"scale": {name: self._scale_of[name] for name in sorted(used)}, **self.drawn()}

    def drawn(self) -> dict[str, Any]:
        """What was drawn for the episode, JSON-ready."""
        return {}

    def _option_of(self, kind: str) -> str:
        return self.option_of_kind.get(kind, self.other_option)


class NoiseShift(ErrorShift):
    """White Gaussian noise: an error of its own at each control step, the scale is its standard deviation."""

    def begin(self, observation: Observation) -> None:
        """Draw the episode's seed."""
        del observation
        self._seed = int(self.rng.integers(2**32))

    def errors_in_scales(self, key: str, size: int) -> Reading:
        """See `ErrorShift.errors_in_scales`."""
        stream = np.random.default_rng([self._seed, self.keys.index(key), self.step_count])
        errors: Reading = stream.standard_normal(size)
        return errors

    def drawn(self) -> dict[str, Any]:
        """See `ErrorShift.drawn`."""
        return {"noise_seed": self._seed}


class BiasShift(ErrorShift):
    """A constant error, drawn once an episode: on each component half the scale to all of it, either way."""

    def begin(self, observation: Observation) -> None:
        """Draw the errors."""
        del observation
        self._errors: dict[str, Reading] = {}
        for key in self.keys:
            size = len(self.kinds[key])
            signs = self.rng.choice([-1.0, 1.0], size=size)
            self._errors[key] = signs * self.rng.uniform(LEAST_SHARE, 1.0, size=size)

    def errors_in_scales(self, key: str, size: int) -> Reading:
        """See `ErrorShift.errors_in_scales`."""
        del size
        return self._errors[key]

    def drawn(self) -> dict[str, Any]:
        """See `ErrorShift.drawn`."""
        return {"errors_in_scales": {key: errors.tolist() for key, errors in self._errors.items()}}
