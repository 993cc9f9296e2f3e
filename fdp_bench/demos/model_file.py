"""The model that a demonstration's states belong to, as a file keeps it: robomimic's ``model_file``."""

import posixpath
import re
from typing import Any

import numpy as np

from fdp_bench.demos.joints import read_joint_layout
from fdp_bench.sim.physics import model_xml

#: A body this near (m, and in its quaternion) to where the XML has it was not moved; XML has fewer digits than a model.
_SAME_PLACE = 1e-9


def recorded_model_file(robosuite_env: Any) -> str:
    """MuJoCo XML of the physics model as it stands now; asset paths start with ``robosuite/``."""
    model = robosuite_env.sim.model._model
    return portable_model_file(with_places(model_xml(robosuite_env), model))


def with_places(xml: str, model: Any) -> str:
    """Write into a model's XML where fixtures stand that have no joint.

    robosuite moves them at each reset by writing to the compiled model (a door's frame, for instance), and states don't
    hold them either.

    Args:
        xml: The XML that `model` was compiled from.
        model: `mujoco.MjModel`.
    """
    for name, (position, quaternion) in read_joint_layout(xml).fixed_bodies.items():
        body = model.body(name)
        is_there = np.allclose(body.pos, position, rtol=0.0, atol=_SAME_PLACE)
        is_so = np.allclose(body.quat, quaternion / np.linalg.norm(quaternion), rtol=0.0, atol=_SAME_PLACE)
        if is_there and is_so:
            continue
        tag = re.search(rf'<body\b[^>]*\bname="{re.escape(name)}"[^>]*>', xml)
        assert tag is not None
        bare = re.sub(r'\s(?:pos|quat)="[^"]*"', "", tag.group())
        place = f'<body pos="{_words(body.pos)}" quat="{_words(body.quat)}"'
        xml = xml[: tag.start()] + place + bare.removeprefix("<body") + xml[tag.end() :]
    return xml


def portable_model_file(xml: str) -> str:
    """Cut asset paths down to ``robosuite/...``, which robosuite's ``edit_model_xml`` resolves anywhere."""
    parts = xml.split('file="')
    for index, part in enumerate(parts[1:], start=1):
        path, rest = part.split('"', 1)
        folders = path.replace("\\", "/").split("/")
        if "robosuite" in folders:
            last = len(folders) - 1 - folders[::-1].index("robosuite")
            path = posixpath.normpath("/".join(folders[last:]))
        parts[index] = f'{path}"{rest}'
    return 'file="'.join(parts)


def _words(values: Any) -> str:
    return " ".join(repr(float(value)) for value in values)
