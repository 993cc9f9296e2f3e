"""Where a MuJoCo camera shows a point of the world."""

from typing import Any

import numpy as np
import numpy.typing as npt


def project_point(
    model: Any, data: Any, camera: int, point: npt.NDArray[np.floating[Any]]
) -> tuple[float, float] | None:
    """Pixel of a world point in a square frame.

    Args:
        model: `mujoco.MjModel`.
        data: Its `mujoco.MjData`, cameras computed.
        camera: Camera id.
        point: Shape (3,), metres.

    Returns:
        Fractions (u, v) of width and height, origin top-left, outside [0, 1] beside the frame; None behind the camera.
    """
    # MuJoCo's cameras look along -z, with x to the right and y up.
    x, y, z = data.cam_xmat[camera].reshape(3, 3).T @ (np.asarray(point) - data.cam_xpos[camera])
    if z >= 0.0:
        return None
    half = np.tan(np.radians(model.cam_fovy[camera]) / 2.0)
    return (float(0.5 + x / (-z * half) / 2.0), float(0.5 - y / (-z * half) / 2.0))
