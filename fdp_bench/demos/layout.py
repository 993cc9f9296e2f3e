"""Names in a demonstration file: robomimic's observation keys and how ours map onto them."""

from collections.abc import Mapping

#: Version of our own attributes in the HDF5 file and of the packed file.
FORMAT_VERSION = 1
#: robomimic's code for robosuite environments in ``env_args["type"]``.
ROBOSUITE_ENV_TYPE = 1
#: The same for any Gymnasium environment.
GYM_ENV_TYPE = 2
#: Parts of ``prop`` in order, under robomimic's names, with their number of components.
PROP_PARTS: Mapping[str, int] = {
    "robot0_joint_pos": 7,
    "robot0_eef_pos": 3,
    "robot0_eef_quat": 4,
    "robot0_gripper_qpos": 2,
}
#: Name of ``prop`` where its components are not those of a Panda.
PROP_NAME = "prop"
#: Camera key -> robomimic's name.
IMAGE_NAMES: Mapping[str, str] = {
    "image.agentview": "agentview_image",
    "image.wrist": "robot0_eye_in_hand_image",
}
_IMAGE_SUFFIX = "_image"
#: Touch as the environment shows it; robomimic has no name for it. Files from before it lack it.
TOUCH_NAME = "tactile"
#: Attribute of a demonstration: number of leading steps that are no example to follow; see
#: `fdp_bench.demos.experts.lead_in`.
LEAD_IN_ATTRIBUTE = "lead_in_steps"


def image_name(key: str) -> str:
    """Name in the file of a camera's frames: robomimic's, or in its manner, ``"front_image"`` for ``"image.front"``."""
    return IMAGE_NAMES.get(key, key.removeprefix("image.") + _IMAGE_SUFFIX)


def image_key(name: str) -> str | None:
    """Camera key of frames that a file has under a name, see `image_name`; None for what is no camera's name."""
    for key, known in IMAGE_NAMES.items():
        if name == known:
            return key
    camera = name.removesuffix(_IMAGE_SUFFIX)
    return f"image.{camera}" if camera not in ("", name) else None


def vector_member(key: str) -> str:
    """Name in a packed file of numbers under a key that is neither ``prop`` nor ``tactile``."""
    return f"vector:{key}"


def demo_name(index: int) -> str:
    """Name of a demonstration's group, for instance ``"demo_12"``."""
    return f"demo_{index}"


def held_out_count(num_demos: int) -> int:
    """Demonstrations held out where none are left over: a tenth, at least one, but none of a single one."""
    return max(1, round(num_demos / 10)) if num_demos > 1 else 0
