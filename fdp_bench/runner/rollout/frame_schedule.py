"""Which frames of an episode are drawn: those that the policy reads, and those a shift needs for them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FrameSchedule:
    """Frames of an episode by control step; the observation of reset is step 0.

    The policy is asked at steps 0, n_action_steps, 2 n_action_steps, ... and reads the latest n_obs_steps frames.

    Attributes:
        n_obs_steps: Observations that the policy reads at once, >= 1.
        n_action_steps: Control steps between its decisions, >= 1.
        lags: Earlier frames that a shown frame is made from, in control steps; holds 0.
        reads_images: Whether the policy reads frames at all.
        keeps_decisions: Whether the frames before the cameras at each decision are kept for a film strip.
        keeps_all: Whether every frame is kept for a video.
    """

    n_obs_steps: int
    n_action_steps: int
    lags: tuple[int, ...] = (0,)
    reads_images: bool = True
    keeps_decisions: bool = False
    keeps_all: bool = False

    def is_decision(self, step: int) -> bool:
        """Whether the policy is asked at this control step."""
        return step % self.n_action_steps == 0

    def draws(self, step: int) -> bool:
        """Whether the frame of this control step is drawn."""
        return self.keeps_all or any(self._shown(step + lag) for lag in self.lags)

    def _shown(self, step: int) -> bool:
        if self.keeps_decisions and self.is_decision(step):
            return True
        steps_to_decision = -step % self.n_action_steps
        return self.reads_images and steps_to_decision < self.n_obs_steps
