"""Wrong touch: `tactile_noise`, `tactile_bias` and `tactile_dropout`.

A task hands out forces and torques divided by constants that it documents. These shifts count in the numbers handed
out: 1 is one such constant, in newtons or newton metres. The scales are our own.
"""

from typing import ClassVar

from fdp_shifts.reading_errors import BiasShift, NoiseShift
from fdp_shifts.reading_losses import DropoutShift

#: Error of each component at severity 1, in the numbers handed out: as large as a firm touch.
TACTILE_ERROR_SCALE = 1.0


class TactileNoise(NoiseShift):
    """Gaussian noise on each component.

    Options:
        scale: Standard deviation at severity 1, in the numbers handed out.
    """

    name = "tactile_noise"
    summary = "Gaussian noise on touch"
    modality = "tactile"
    option_values: ClassVar = {"scale": str(TACTILE_ERROR_SCALE)}
    other_option = "scale"
    parameter_of_option: ClassVar = {"scale": "standard deviation, of the task's force scale"}


class TactileBias(BiasShift):
    """A constant error on each component, as a sensor that was not zeroed has it.

    Options:
        scale: Largest error at severity 1, in the numbers handed out.
    """

    name = "tactile_bias"
    summary = "a constant error on touch"
    modality = "tactile"
    option_values: ClassVar = {"scale": str(TACTILE_ERROR_SCALE)}
    other_option = "scale"
    parameter_of_option: ClassVar = {"scale": "error up to, of the task's force scale"}


class TactileDropout(DropoutShift):
    """Components are lost, by chance and each apart from the others, as single cells of a skin fail.

    Options:
        reads: See `DropoutShift`.
        share: See `DropoutShift`.
    """

    name = "tactile_dropout"
    summary = "components of touch are lost and read zero"
    modality = "tactile"
    option_values: ClassVar = dict(DropoutShift.option_values)

    def component_devices(self, key: str) -> tuple[str, ...]:
        """See `DropoutShift.component_devices`."""
        return tuple(f"{key}.{index:03}" for index in range(len(self.kinds[key])))
