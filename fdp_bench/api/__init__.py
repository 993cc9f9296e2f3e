"""What plugins see: observations, modalities, policies, shifts, episodes, errors; no torch, no mujoco.

A name is imported from its module when it is first asked for, so that the command line reaches the error
types without paying for NumPy and Gymnasium.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fdp_bench.api.calibration import CALIBRATION_EPISODES as CALIBRATION_EPISODES
    from fdp_bench.api.calibration import Calibrated as Calibrated
    from fdp_bench.api.calibration import CalibrationRequest as CalibrationRequest
    from fdp_bench.api.calibration import Decision as Decision
    from fdp_bench.api.calibration import Play as Play
    from fdp_bench.api.calibration import PlayedEpisode as PlayedEpisode
    from fdp_bench.api.diagnosis import Contribution as Contribution
    from fdp_bench.api.diagnosis import HeldOutLosses as HeldOutLosses
    from fdp_bench.api.diagnosis import Inspector as Inspector
    from fdp_bench.api.diagnosis import TheoryCheck as TheoryCheck
    from fdp_bench.api.diagnosis import TheoryLevel as TheoryLevel
    from fdp_bench.api.diagnosis import WeightFacts as WeightFacts
    from fdp_bench.api.episode import CLEAN as CLEAN
    from fdp_bench.api.episode import EpisodeRecord as EpisodeRecord
    from fdp_bench.api.episode import EpisodeSpec as EpisodeSpec
    from fdp_bench.api.errors import CheckpointError as CheckpointError
    from fdp_bench.api.errors import DatasetError as DatasetError
    from fdp_bench.api.errors import FdpBenchError as FdpBenchError
    from fdp_bench.api.errors import NotInstalledError as NotInstalledError
    from fdp_bench.api.errors import PluginError as PluginError
    from fdp_bench.api.errors import RenderingError as RenderingError
    from fdp_bench.api.errors import RunError as RunError
    from fdp_bench.api.errors import ShiftConfigError as ShiftConfigError
    from fdp_bench.api.errors import SpecError as SpecError
    from fdp_bench.api.errors import UnsupportedShiftError as UnsupportedShiftError
    from fdp_bench.api.errors import nearest as nearest
    from fdp_bench.api.modality import IMAGE_PREFIX as IMAGE_PREFIX
    from fdp_bench.api.modality import ModalityMap as ModalityMap
    from fdp_bench.api.modality import Observation as Observation
    from fdp_bench.api.modality import TaskInfo as TaskInfo
    from fdp_bench.api.modality import image_keys as image_keys
    from fdp_bench.api.order import check_order as check_order
    from fdp_bench.api.order import format_experts as format_experts
    from fdp_bench.api.order import format_order as format_order
    from fdp_bench.api.order import parse_experts as parse_experts
    from fdp_bench.api.order import parse_order as parse_order
    from fdp_bench.api.policy import Policy as Policy
    from fdp_bench.api.policy import PolicySpec as PolicySpec
    from fdp_bench.api.policy import WeightsInfo as WeightsInfo
    from fdp_bench.api.receipt import Receipt as Receipt
    from fdp_bench.api.receipt import pixel_change as pixel_change
    from fdp_bench.api.scene import Footprint as Footprint
    from fdp_bench.api.scene import Scene as Scene
    from fdp_bench.api.scene import Surface as Surface
    from fdp_bench.api.scene_shift import SceneShift as SceneShift
    from fdp_bench.api.scene_shift import scene_of as scene_of
    from fdp_bench.api.shift import DEFAULT_LEVEL as DEFAULT_LEVEL
    from fdp_bench.api.shift import LEVELS as LEVELS
    from fdp_bench.api.shift import ObservationShift as ObservationShift
    from fdp_bench.api.shift import Shift as Shift
    from fdp_bench.api.shift import ShiftSpec as ShiftSpec
    from fdp_bench.api.streams import CALIBRATION_SEED as CALIBRATION_SEED
    from fdp_bench.api.streams import INITIAL_STATE as INITIAL_STATE
    from fdp_bench.api.streams import POLICY_NOISE as POLICY_NOISE
    from fdp_bench.api.streams import SHIFT as SHIFT
    from fdp_bench.api.streams import noise_stream as noise_stream
    from fdp_bench.api.streams import stream as stream
    from fdp_bench.api.streams import stream_int as stream_int
    from fdp_bench.api.streams import stream_seed as stream_seed
    from fdp_bench.api.training import Training as Training

#: Module -> the public names it defines; the imports above tell type checkers the same.
_NAMES_BY_MODULE: dict[str, tuple[str, ...]] = {
    "calibration": (
        "CALIBRATION_EPISODES",
        "Calibrated",
        "CalibrationRequest",
        "Decision",
        "Play",
        "PlayedEpisode",
    ),
    "diagnosis": (
        "Contribution",
        "HeldOutLosses",
        "Inspector",
        "TheoryCheck",
        "TheoryLevel",
        "WeightFacts",
    ),
    "episode": ("CLEAN", "EpisodeRecord", "EpisodeSpec"),
    "errors": (
        "CheckpointError",
        "DatasetError",
        "FdpBenchError",
        "NotInstalledError",
        "PluginError",
        "RenderingError",
        "RunError",
        "ShiftConfigError",
        "SpecError",
        "UnsupportedShiftError",
        "nearest",
    ),
    "modality": ("IMAGE_PREFIX", "ModalityMap", "Observation", "TaskInfo", "image_keys"),
    "order": ("check_order", "format_experts", "format_order", "parse_experts", "parse_order"),
    "policy": ("Policy", "PolicySpec", "WeightsInfo"),
    "receipt": ("Receipt", "pixel_change"),
    "scene": ("Footprint", "Scene", "Surface"),
    "scene_shift": ("SceneShift", "scene_of"),
    "shift": ("DEFAULT_LEVEL", "LEVELS", "ObservationShift", "Shift", "ShiftSpec"),
    "streams": (
        "CALIBRATION_SEED",
        "INITIAL_STATE",
        "POLICY_NOISE",
        "SHIFT",
        "noise_stream",
        "stream",
        "stream_int",
        "stream_seed",
    ),
    "training": ("Training",),
}
_MODULE_BY_NAME = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}

__all__ = sorted(_MODULE_BY_NAME)


if not TYPE_CHECKING:  # otherwise a type checker takes every misspelt name for a lazy one

    def __getattr__(name: str) -> Any:
        if name not in _MODULE_BY_NAME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULE_BY_NAME[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
