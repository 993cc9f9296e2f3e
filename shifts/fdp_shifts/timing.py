"""What comes too late or not at all: the law of delays, and a link that loses messages.

Lengths of time are in control steps, 50 ms each on the built-in tasks (20 Hz). The scales are our own: at severity
1 what arrives is so old that it says next to nothing of the present.
"""

import numpy as np

#: Delay at severity 1, control steps (2 s at 20 Hz: an approach and a grasp).
LONGEST_DELAY_STEPS = 40
#: Longest delay that may be asked for, control steps.
LONGEST_OPTION_STEPS = 400
#: Share of messages that a link loses at severity 1. What is shown is then 19 control steps old on average.
MAX_LOST_SHARE = 0.95
#: After so many losses in a row a message gets through (3 s at 20 Hz).
LONGEST_OUTAGE_STEPS = 60


def delay_steps(severity: float, longest: int = LONGEST_DELAY_STEPS) -> int:
    """Delay in control steps for a severity in [0, 1].

    It grows with the square of the severity: level 1 is what a busy network does to a camera (0.1 s at 20 Hz).

    Args:
        severity: In [0, 1].
        longest: Delay at severity 1.

    Returns:
        0 at severity 0, else 1 to `longest`.
    """
    return max(1, round(longest * severity**2)) if severity > 0.0 else 0


def lost_share(severity: float, most: float = MAX_LOST_SHARE) -> float:
    """Share of messages that a link loses for a severity in [0, 1].

    It grows with the square of the severity, as delays do: level 1 is a busy network, which loses one in 26.

    Args:
        severity: In [0, 1].
        most: Share at severity 1, in [0, 1].
    """
    return most * severity**2


class LossyLink:
    """A link on which each control step's message is lost or not, by chance and independently.

    The message of reset always arrives. Which ones are lost follows from the seed alone, whoever asks and how often;
    what is lost at a low share is lost at each higher one too, but for the messages that end an outage.

    Args:
        seed: Seed of the link.
        share: Share of messages lost, in [0, 1].
    """

    def __init__(self, seed: int, share: float) -> None:
        self._stream = np.random.default_rng(seed)
        self._share = share
        self._latest = [0]

    def latest(self, step: int) -> int:
        """Control step of the latest message that has arrived by a control step."""
        while len(self._latest) <= step:
            now, before = len(self._latest), self._latest[-1]
            lost = self._stream.random() < self._share and now - before < LONGEST_OUTAGE_STEPS
            self._latest.append(before if lost else now)
        return self._latest[step]

    def is_lost(self, step: int) -> bool:
        """Whether the message of a control step is lost."""
        return self.latest(step) != step
