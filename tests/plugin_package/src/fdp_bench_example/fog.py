"""Fog: the cameras' frames fade to grey."""

import numpy as np

from fdp_bench.api import Observation, ObservationShift, image_keys


class Fog(ObservationShift):
    """Frames fade to a grey that is drawn for each episode; severity 1 leaves 20% of the picture."""

    name = "fog"
    summary = "frames fade to grey"

    def begin(self, observation: Observation) -> None:
        """Draw the grey of the episode."""
        self.grey = self.rng.uniform(100, 200)

    def alter(self, observation: Observation) -> Observation:
        """Blend each frame with the grey."""
        density = 0.8 * self.severity
        return observation | {
            key: ((1 - density) * observation[key] + density * self.grey).astype(np.uint8)
            for key in image_keys(observation)
        }

    def parameters(self) -> dict[str, float]:
        """What the receipt states."""
        return {"grey": self.grey, "density": 0.8 * self.severity}
