"""What a policy is: numpy in, numpy out, a batch at a time."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fdp_bench.api.calibration import Calibrated, CalibrationRequest, Play
from fdp_bench.api.diagnosis import Inspector, TheoryCheck
from fdp_bench.api.errors import SpecError
from fdp_bench.api.modality import TaskInfo
from fdp_bench.api.options import OptionValues, resolve_options


@dataclass(frozen=True)
class PolicySpec:
    """A parsed policy string, ``name[:order][@checkpoint][?key=value&...]``.

    Attributes:
        name: Name of the plugin, for instance ``"fdp"``.
        order: Text behind the colon, for instance ``"prop>vision"``; empty where there is none. Its meaning
            is the plugin's own.
        checkpoint: Path or name of the weights; empty for the bundled ones.
        options: Options behind the question mark, as text.
    """

    name: str
    order: str = ""
    checkpoint: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Canonical text: options sorted by name."""
        text = self.name
        if self.order:
            text += f":{self.order}"
        if self.checkpoint:
            text += f"@{self.checkpoint}"
        if self.options:
            text += "?" + "&".join(f"{key}={self.options[key]}" for key in sorted(self.options))
        return text


@dataclass(frozen=True)
class WeightsInfo:
    """State of a policy's weights for one task, as `fdp-bench list` and the manifest show it.

    Attributes:
        available: Whether the policy can act on the task without training first.
        source: Where the weights come from (``"bundled"``, a path), or why there are none.
        sha256: Hash over everything that is loaded, hexadecimal; empty when not available.
        card: The checkpoint's card; see `fdp_bench.api.Training` for what is read of it.
        files: Everything that is loaded, the checkpoint that the spec names first: copied together into another
            folder they are the same weights. Empty where weights cannot be moved.
        needs_calibration: Whether the weights are there, and the policy cannot act before `Policy.calibrate` has made
            what it needs beside them; then `available` is False and `source` names the command.
        warnings: What a user should know before trusting the policy's numbers, a sentence each.
    """

    available: bool
    source: str
    sha256: str = ""
    card: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    needs_calibration: bool = False
    warnings: tuple[str, ...] = ()


class Policy(ABC):
    """Base class of policies; entry points of the group ``fdp_bench.policies`` name subclasses of it.

    A policy is built as ``cls(spec, task, device="cpu")`` and must raise `SpecError` for an order or option
    that it does not know and `CheckpointError` when it has no weights. It keeps no state between episodes
    unless it implements `reset`.

    Attributes:
        modalities: Names of the modalities that the policy reads.
        n_obs_steps: Number of latest observations that `act` is given, >= 1.
        n_action_steps: Number of actions that `act` returns and the runner executes, >= 1.
    """

    #: One line for `fdp-bench list`.
    summary: ClassVar[str] = ""
    #: Option name -> allowed values, the default first, or the default alone where the value is free; ``{}`` for
    #: a policy without options. None for one that checks its options itself, in `resolve` or when it is built.
    option_values: ClassVar[OptionValues | None] = None
    #: Ids of the built-in tasks for which the policy comes with weights, ``()`` for none; None for all that have any.
    #: `fdp-bench doctor` reports what is not there.
    bundled_tasks: ClassVar[tuple[str, ...] | None] = None

    #: Extra of its distribution that the policy needs, ``"gpu"`` of ``my-policies[gpu]`` for instance; empty for none.
    #: While it is not installed, `fdp-bench list` says so and the policy is refused with the command that installs it.
    extra: ClassVar[str] = ""

    modalities: tuple[str, ...]
    n_obs_steps: int = 1
    n_action_steps: int = 1

    def __init__(self, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> None:
        self.spec = spec
        self.task = task
        self.device = device

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """Shape of the standard normal noise that one `act` of one episode consumes; () for none."""
        return ()

    @abstractmethod
    def act(
        self, observation: Mapping[str, npt.NDArray[np.generic]], noise: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Choose the next chunk of actions for a batch of episodes.

        Args:
            observation: Observation key -> array, shape (B, n_obs_steps, ...), oldest first. At the start of
                an episode the first observation is repeated.
            noise: Standard normal noise, shape (B, *noise_shape), float32.

        Returns:
            Actions, shape (B, n_action_steps, A), float32, in [-1, 1].
        """

    def reset(self, lanes: npt.NDArray[np.int64]) -> None:  # noqa: B027
        """Forget the episodes in these rows of the batch; called before each one's first `act`.

        Args:
            lanes: Rows of the batch that start a new episode, shape (K,).
        """

    def fallbacks(self) -> npt.NDArray[np.bool_] | None:
        """Which rows of the latest `act` a fallback answered, shape (B,); None for a policy without a fallback.

        A fallback is another policy that acts where this one does not trust itself. Records keep its share of an
        episode's decisions.
        """
        return None

    @classmethod
    def orders(cls, task: TaskInfo) -> list[str]:
        """Orders worth listing for a task, for instance ``["prop>vision"]``; ``[""]`` where none exist."""
        del task
        return [""]

    @classmethod
    def resolve(cls, spec: PolicySpec, task: TaskInfo) -> PolicySpec:
        """Check a spec's order and options against a task and complete it, without loading weights.

        The runner calls it before anything is written; records hold the resolved spec, so that two spellings
        of one policy (``fdp:prop`` and ``fdp:prop>vision``) are one arm.

        Raises:
            SpecError: If the policy does not know the order or an option.
        """
        del task
        if cls.option_values is None:
            return spec
        owner = f"policy {spec.name!r}"
        defaults = resolve_options(owner, cls.option_values, {}, SpecError)
        chosen = resolve_options(owner, cls.option_values, spec.options, SpecError)
        return replace(spec, options={key: chosen[key] for key in chosen if chosen[key] != defaults[key]})

    @classmethod
    def sampler_name(cls, spec: PolicySpec) -> str:
        """How ``cls(spec, task)`` turns noise into actions, for instance ``"ddim, 10 steps"``; empty if it does not.

        The manifest keeps it, and `fdp-bench compare` refuses policies that differ in it: a comparison of
        policies must not be one of samplers.
        """
        del spec
        return ""

    @classmethod
    def weights(cls, spec: PolicySpec, task: TaskInfo) -> WeightsInfo:
        """Describe the weights that ``cls(spec, task)`` would load, without loading them.

        A policy without weights is available by nature.
        """
        del spec, task
        return WeightsInfo(available=True, source="none needed")

    @classmethod
    def fit(
        cls, spec: PolicySpec, task: TaskInfo, data: Path, out: Path, settings: Mapping[str, str]
    ) -> Path:
        """Train on demonstrations; optional.

        Args:
            spec: What to train.
            task: The task the demonstrations show.
            data: Demonstration file as `fdp-bench demos` writes it.
            out: Folder for the checkpoint, its log and its plots.
            settings: Training settings as text (``num_demos``, ``seed``, ``device``, ...). Sweeps add ``reuse``:
                folders, joined as in PATH, with parts that need not be trained again.

        Returns:
            Path of the checkpoint, fit for ``name:order@PATH``.

        Raises:
            NotImplementedError: If the policy cannot be trained.
        """
        raise NotImplementedError(f"policy {spec.name!r} cannot be trained")

    @classmethod
    def trained(
        cls,
        spec: PolicySpec,
        task: TaskInfo,
        data_sha256: str,
        settings: Mapping[str, str],
        folders: Sequence[Path],
    ) -> PolicySpec | None:
        """Find weights that `fit` would only make again; optional.

        Without it, a sweep knows by its own notes what it has trained, and takes no other weights.

        Args:
            spec: What would be trained.
            task: The task.
            data_sha256: Hash over the demonstrations and their split; empty where nobody has them at hand: then
                weights made from any demonstrations of the task will do.
            settings: Training settings as text, as for `fit`.
            folders: Folders to look in, after the bundled weights.

        Returns:
            The spec with the weights' path, or without one for the bundled weights; None where they must be made.
        """
        del spec, task, data_sha256, settings, folders
        return None

    @classmethod
    def calibrate(
        cls, spec: PolicySpec, task: TaskInfo, play: Play, request: CalibrationRequest
    ) -> Calibrated | None:
        """Make what the policy needs beside its weights, from clean episodes; optional, None where it needs nothing.

        `fdp-bench calibrate` calls it, and a sweep does for policies whose `weights` say ``needs_calibration``. Called
        again for the same weights and request, it finds what it made.

        Args:
            spec: The policy, resolved.
            task: The task.
            play: Plays clean episodes.
            request: How.

        Raises:
            SpecError: If the request cannot be met.
            CheckpointError: If weights are missing.
        """
        del spec, task, play, request
        return None

    @classmethod
    def diagnose(cls, spec: PolicySpec, task: TaskInfo, *, device: str = "cpu") -> Inspector | None:
        """Open the policy for `fdp-bench diagnose`; optional, None where it shows nothing of its inside.

        Weights that `__init__` would refuse because the base is not the one that was frozen are loaded all the
        same, so that the diagnosis can name the fault.

        Raises:
            CheckpointError: If the weights are missing or damaged.
        """
        del spec, task, device
        return None

    @classmethod
    def check_theory(cls) -> TheoryCheck | None:
        """Check numerically the identity that the policy rests on; None where there is none to check."""
        return None
