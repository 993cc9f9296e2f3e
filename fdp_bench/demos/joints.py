"""Where each joint stands in a robosuite file's flat states, read from the model's XML without compiling it.

An XML of another robosuite or MuJoCo often no longer compiles, and names meshes that are not there. The order of the
joints needs neither: MuJoCo lays them out as the bodies stand in the file, depth first.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fdp_bench.api import DatasetError

#: MuJoCo's joint type -> numbers in the joint positions, numbers in the joint velocities.
_SIZES = {"free": (7, 6), "ball": (4, 3), "hinge": (1, 1), "slide": (1, 1)}
#: Elements of a model that stand for more than they say; compiled XML has none.
_UNSUPPORTED = ("include", "replicate", "attach", "composite", "flexcomp", "frame")
#: Prefix of the gripper before robosuite 1.5 and since.
_GRIPPER_BEFORE, _GRIPPER = "gripper0_", "gripper0_right_"


@dataclass(frozen=True)
class JointLayout:
    """Layout of ``(time, joint positions, joint velocities)``.

    Attributes:
        positions: Joint, as robosuite names it since 1.5 -> its columns in the joint positions.
        velocities: The same -> its columns in the joint velocities.
        num_positions: Numbers in the joint positions.
        num_velocities: Numbers in the joint velocities.
        fixed_bodies: Body that stands in the world without a joint of its own -> position, shape (3,), m, and
            quaternion (wxyz), shape (4,).
    """

    positions: Mapping[str, slice]
    velocities: Mapping[str, slice]
    num_positions: int
    num_velocities: int
    fixed_bodies: Mapping[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]

    @property
    def state_size(self) -> int:
        """Numbers of a flat state."""
        return 1 + self.num_positions + self.num_velocities


def read_joint_layout(model_xml: str) -> JointLayout:
    """Read the layout of a model's states.

    Args:
        model_xml: MuJoCo XML, for instance a demonstration's ``model_file``.

    Raises:
        DatasetError: If it is no MuJoCo model, or uses what only MuJoCo itself can expand.
    """
    if "<!DOCTYPE" in model_xml or "<!ENTITY" in model_xml:
        raise DatasetError("the file's model declares XML entities; only plain MuJoCo models are read")
    try:
        root = ElementTree.fromstring(model_xml)
    except ElementTree.ParseError as error:
        raise DatasetError(f"the file's model is no XML ({error})") from error
    worlds = root.findall("worldbody")
    if root.tag != "mujoco" or not worlds:
        raise DatasetError("the file's model is no MuJoCo model: it has no worldbody")
    for name in _UNSUPPORTED:
        if root.find(f".//{name}") is not None:
            raise DatasetError(
                f"the file's model has an element {name!r}; export it compiled, as robosuite does"
            )
    positions: dict[str, slice] = {}
    velocities: dict[str, slice] = {}
    num_positions = num_velocities = 0
    for joint in _joints(worlds):
        kind = "free" if joint.tag == "freejoint" else joint.get("type", "hinge")
        if kind not in _SIZES:
            raise DatasetError(f"the file's model has a joint of type {kind!r}")
        name, (width, speeds) = since_1_5(joint.get("name", "")), _SIZES[kind]
        positions[name] = slice(num_positions, num_positions + width)
        velocities[name] = slice(num_velocities, num_velocities + speeds)
        num_positions, num_velocities = num_positions + width, num_velocities + speeds
    fixed = {
        since_1_5(body.get("name", "")): (_numbers(body, "pos", "0 0 0"), _numbers(body, "quat", "1 0 0 0"))
        for world in worlds
        for body in world.findall("body")
        if body.find("joint") is None and body.find("freejoint") is None
    }
    return JointLayout(positions, velocities, num_positions, num_velocities, fixed)


def since_1_5(name: str) -> str:
    """A name in robosuite's way since 1.5, where each gripper says which arm it belongs to."""
    if name.startswith(_GRIPPER_BEFORE) and not name.startswith((_GRIPPER, "gripper0_left_")):
        return _GRIPPER + name.removeprefix(_GRIPPER_BEFORE)
    return name


def _joints(elements: list[ElementTree.Element]) -> Iterator[ElementTree.Element]:
    """Joints in MuJoCo's order: a body's own before those of the bodies in it."""
    stack = list(reversed(elements))
    while stack:
        element = stack.pop()
        yield from (part for part in element if part.tag in ("joint", "freejoint"))
        stack.extend(part for part in reversed(element) if part.tag == "body")


def _numbers(body: ElementTree.Element, attribute: str, default: str) -> npt.NDArray[np.float64]:
    words = body.get(attribute, default).split()
    try:
        values = np.array([float(word) for word in words])
    except ValueError as error:
        raise DatasetError(
            f"the file's model has a body with {attribute} {' '.join(words)[:60]!r}"
        ) from error
    if len(values) != len(default.split()) or not np.isfinite(values).all():
        raise DatasetError(f"the file's model has a body with {attribute} {' '.join(words)[:60]!r}")
    return values
