"""Receipts: what a shift did to one episode, measured on the episode's first frame."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fdp_bench.api.modality import Observation, image_keys

#: Values of `Scene.segmentation`.
OTHER, TARGET, GRIPPER, DISTRACTOR = 0, 1, 2, 3

#: Camera key -> segmentation, shape (H, W), uint8.
Segmentations = Mapping[str, npt.NDArray[np.uint8]]
#: Camera key -> which pixels are hidden, shape (H, W), bool.
HiddenPixels = Mapping[str, npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class Receipt:
    """What a shift did to one episode, measured on its first frame.

    Attributes:
        shift: Canonical shift string.
        status: ``"applied"``, or ``"unsupported"``.
        parameters: The physical parameters drawn or computed for this episode, JSON-ready.
        pixel_change: Camera key -> mean absolute change of a pixel's channel, in [0, 255], against the same
            frame without the shift.
        target_hidden: Camera key -> share of the target's visible pixels that the shift hides, in [0, 1];
            a camera that does not see the target is left out.
        gripper_hidden: Likewise for the gripper.
    """

    shift: str
    status: str = "applied"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pixel_change: Mapping[str, float] = field(default_factory=dict)
    target_hidden: Mapping[str, float] = field(default_factory=dict)
    gripper_hidden: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The receipt as a JSON-ready dictionary."""
        return asdict(self)


def pixel_change(clean: Observation, shifted: Observation) -> dict[str, float]:
    """Mean absolute change of a pixel's channel for each camera key, in [0, 255]."""
    return {
        key: float(np.abs(clean[key].astype(np.int16) - shifted[key].astype(np.int16)).mean())
        for key in image_keys(clean)
        if key in shifted
    }


def hidden_share(segmentations: Segmentations, hidden: HiddenPixels, label: int) -> dict[str, float]:
    """Share of a thing's visible pixels that a shift hides, for each camera that sees it.

    Args:
        segmentations: Who is seen where without the shift.
        hidden: Which pixels the shift hides; a camera that is missing here is left out of the result.
        label: `TARGET` or `GRIPPER`.

    Returns:
        Camera key -> share in [0, 1].
    """
    shares = {}
    for key, mask in hidden.items():
        seen = segmentations[key] == label
        if seen.any():
            shares[key] = float((seen & mask).sum() / seen.sum())
    return shares


def lost_share(before: Segmentations, after: Segmentations, label: int) -> dict[str, float]:
    """Share of a thing's pixels that are gone, for a shift that moves the view: pixels have no counterpart there.

    Args:
        before: Who is seen where without the shift.
        after: Likewise with it.
        label: `TARGET` or `GRIPPER`.

    Returns:
        Camera key -> share in [0, 1], for each camera that saw it; 0 where it takes more room than before.
    """
    shares = {}
    for key, segmentation in before.items():
        seen = int((segmentation == label).sum())
        if seen:
            shares[key] = max(0.0, 1.0 - int((after[key] == label).sum()) / seen)
    return shares
