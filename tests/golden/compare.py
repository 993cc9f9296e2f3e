"""By how much an episode has moved from its golden record, in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .episodes import Played, States
from .record import Golden, processor_here, versions_here

#: How far a component of a state may be from the record, on any machine (rad, m, s, rad/s, m/s). A processor without
#: fused multiply-add and vectors (C library, NumPy and compiled code told so) moved one by 2e-7, since MuJoCo's solver
#: ends an iteration sooner or later; robosuite's stepper moves them by 3e-13.
STATE_LIMIT = 1e-6


@dataclass(frozen=True)
class PictureLimit:
    """How far a picture may be from the record.

    Attributes:
        mean_levels: Mean absolute difference of all values, of 255.
        far_levels: A pixel one of whose values is further off than this counts as far,
        far_share: and at most this share of the pixels may be.
    """

    mean_levels: float
    far_levels: int
    far_share: float


#: Of llvmpipe. Mesa 22.3 and 25.0, vectors of 128 and 256 bits, one or two threads: all pictures are equal to the last
#: bit. The states of that other processor moved one by 0.002 levels on average, and none of its pixels by more than 8.
PICTURE_LIMIT = PictureLimit(mean_levels=0.05, far_levels=8, far_share=0.002)


def moved_states(found: States, golden: Golden) -> str:
    """What moved beyond the limit, by how much and since when; empty if nothing did."""
    if found.shape != golden.states.shape:
        return f"states have shape {found.shape}, recorded {golden.states.shape}"
    off = np.abs(found - golden.states)
    if (off <= STATE_LIMIT).all():
        return ""
    step, component = np.unravel_index(np.argmax(np.where(np.isnan(off), np.inf, off)), off.shape)
    first = int(np.argmax(~(off <= STATE_LIMIT).all(axis=1)))
    early = int(np.argmax(np.where(np.isnan(off[first]), np.inf, off[first])))
    names, last = golden.state_names, len(off) - 1
    return (
        f"states moved by up to {off[step, component]:.1e} ({names[component]}, control step {step} of {last}; at most "
        f"{STATE_LIMIT:g} is allowed), first at control step {first} ({names[early]}, {off[first, early]:.1e})"
    )


def other_bits(found: States, golden: Golden) -> str:
    """Since when states are not equal to the last bit, and by how much they are off; empty if they are."""
    if found.shape != golden.states.shape:
        return f"states have shape {found.shape}, recorded {golden.states.shape}"
    different = np.flatnonzero((found != golden.states).any(axis=1))
    if not different.size:
        return ""
    off = np.abs(found - golden.states).max()
    return (
        f"{different.size} of {len(found)} states have other bits, from control step {different[0]} on, and are off by "
        f"up to {off:.1e}"
    )


def moved_pictures(played: Played, golden: Golden) -> Iterator[str]:
    """What each picture that is beyond the limit shows otherwise, and which are missing or new."""
    for name in golden.pictures.keys() - played.pictures.keys():
        yield f"picture {name!r} is recorded and was not drawn"
    for name in played.pictures.keys() - golden.pictures.keys():
        yield f"picture {name!r} was drawn and is not recorded"
    for name in (name for name in golden.pictures if name in played.pictures):
        mean, share, largest = picture_difference(played.pictures[name], golden.pictures[name])
        if mean > PICTURE_LIMIT.mean_levels or share > PICTURE_LIMIT.far_share:
            yield (
                f"picture {name!r} moved by {mean:.2f} of 255 levels on average ({PICTURE_LIMIT.mean_levels:g} are "
                f"allowed), by more than {PICTURE_LIMIT.far_levels} in {share:.1%} of its pixels "
                f"({PICTURE_LIMIT.far_share:.1%} are allowed), by {largest} at most"
            )


def picture_difference(
    found: npt.NDArray[np.uint8], recorded: npt.NDArray[np.uint8]
) -> tuple[float, float, int]:
    """Mean absolute difference (levels), share of pixels that are far off, largest difference (levels)."""
    if found.shape != recorded.shape:
        return np.inf, 1.0, 255
    off = np.abs(found.astype(int) - recorded.astype(int))
    return float(off.mean()), float((off.max(axis=-1) > PICTURE_LIMIT.far_levels).mean()), int(off.max())


def circumstances(played: Played, golden: Golden) -> str:
    """What is not as it was where the record was made: what may have moved the numbers."""
    different = [
        *_unlike(versions_here(), golden.facts["versions"]),
        *_unlike(processor_here(), golden.facts["processor"], "processor's "),
    ]
    model = (
        "as recorded"
        if played.dynamics_sha256 == golden.facts["dynamics_sha256"]
        else "not the recorded ones"
    )
    return (
        f"different from where it was recorded: {'; '.join(different) or 'no version, and not the processor'}; the "
        f"model's masses, gains and options are {model}. If the change is meant: python -m tests.golden --write, and a "
        "line in CHANGELOG.md"
    )


def other_processor(golden: Golden) -> str:
    """Why states need not be equal bit for bit here; empty where they must be."""
    different = list(_unlike(processor_here(), golden.facts["processor"], ""))
    return f"not the recorded processor: {'; '.join(different)}" if different else ""


def other_rasterizer(golden: Golden) -> str:
    """Why pictures cannot be held to the limit here; empty where they must be.

    Another rasterizer fills edges and filters textures otherwise: Mesa's softpipe by up to 2.1 levels on average.
    """
    here, recorded = (
        versions["OpenGL"].partition(" (")[0] for versions in (versions_here(), golden.facts["versions"])
    )
    return "" if here == recorded else f"pictures are drawn by {here}, and were recorded with {recorded}"


def _unlike(here: Mapping[str, str], recorded: Mapping[str, str], prefix: str = "") -> Iterator[str]:
    # What was not recorded yet when the record was made tells nothing.
    for name, was in recorded.items():
        if here.get(name) != was:
            yield f"{prefix}{name} {here.get(name, 'none')} (recorded {was})"
