"""What the drawn scene must know of a task: which bodies are its target, and what things stand on."""

from dataclasses import dataclass

from fdp_bench.api.scene import Surface
from fdp_bench.sim.slots import SLOTS


@dataclass(frozen=True)
class SceneLayout:
    """A task's bodies, by their names in robosuite's model.

    Attributes:
        target_bodies: Bodies that count as the target in segmentations; the first one's position is the target's.
        object_prefixes: Beginnings of the names of the geoms that are painted as ``"object"``.
        table_bodies: Bodies whose visible geoms are painted as ``"table"``.
        surface_body: Body whose first visible geom, a box, distractors stand on.
        surface_margin_m: Width of a rim of the surface that is no place to stand on, a bin's walls for instance.
        workspace_xy: Centre of a circle that nothing may stand in, in any episode, metres, world frame; None for
            the surface's centre.
        workspace_radius_m: Its radius.
        further_surfaces: Where distractors may stand once that surface is full.
        stand: A shelf that appears with the first distractor on it, as high as that surface; one of
            `further_surfaces`, or None.
        distractor_slots: Those of `fdp_bench.sim.slots.ALL_SLOTS` that may be shown.
        partner_bodies: Bodies besides the target that the task is about: nothing may stand around them, and they are
            the part ``"partner"``, whose hues a painted target must not take.
        target_site: Site that is the target's position, where its body's is not what one sees of it.
    """

    target_bodies: tuple[str, ...]
    object_prefixes: tuple[str, ...]
    workspace_radius_m: float
    table_bodies: tuple[str, ...] = ("table",)
    surface_body: str = "table"
    surface_margin_m: float = 0.0
    workspace_xy: tuple[float, float] | None = None
    further_surfaces: tuple[Surface, ...] = ()
    stand: Surface | None = None
    distractor_slots: tuple[str, ...] = SLOTS
    partner_bodies: tuple[str, ...] = ()
    target_site: str = ""
