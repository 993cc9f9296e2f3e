"""What plugins see: observations, modalities, policies, shifts, episodes, errors; no torch, no mujoco."""

from fdp_bench.api.episode import CLEAN, EpisodeRecord, EpisodeSpec
from fdp_bench.api.errors import (
    CheckpointError,
    DatasetError,
    FdpBenchError,
    PluginError,
    RenderingError,
    RunError,
    ShiftConfigError,
    SpecError,
    UnsupportedShiftError,
    nearest,
)
from fdp_bench.api.modality import IMAGE_PREFIX, ModalityMap, Observation, TaskInfo, image_keys
from fdp_bench.api.order import check_order, format_order, parse_order
from fdp_bench.api.policy import Policy, PolicySpec, WeightsInfo
from fdp_bench.api.receipt import Receipt, pixel_change
from fdp_bench.api.scene import Footprint, Scene
from fdp_bench.api.scene_shift import SceneShift, scene_of
from fdp_bench.api.shift import (
    DEFAULT_LEVEL,
    LEVELS,
    ObservationShift,
    Shift,
    ShiftSpec,
)
from fdp_bench.api.streams import INITIAL_STATE, POLICY_NOISE, SHIFT, stream, stream_int, stream_seed

__all__ = [
    "CLEAN",
    "DEFAULT_LEVEL",
    "IMAGE_PREFIX",
    "INITIAL_STATE",
    "LEVELS",
    "POLICY_NOISE",
    "SHIFT",
    "CheckpointError",
    "DatasetError",
    "EpisodeRecord",
    "EpisodeSpec",
    "FdpBenchError",
    "Footprint",
    "ModalityMap",
    "Observation",
    "ObservationShift",
    "PluginError",
    "Policy",
    "PolicySpec",
    "Receipt",
    "RenderingError",
    "RunError",
    "Scene",
    "SceneShift",
    "Shift",
    "ShiftConfigError",
    "ShiftSpec",
    "SpecError",
    "TaskInfo",
    "UnsupportedShiftError",
    "WeightsInfo",
    "check_order",
    "format_order",
    "image_keys",
    "nearest",
    "parse_order",
    "pixel_change",
    "scene_of",
    "stream",
    "stream_int",
    "stream_seed",
]
