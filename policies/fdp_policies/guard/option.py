"""What ``?guard=`` asks for: which policy a chunk falls back to, which senses are watched, by which signals."""

from dataclasses import dataclass, replace
from pathlib import Path

from fdp_bench.api import PolicySpec, SpecError, TaskInfo, nearest
from fdp_policies.checkpoints.policy_spec import GUARD_OPTION, SAMPLER_OPTIONS, Architecture, architecture_of

OFF, ON = "off", "on"
#: Signals of a policy with a residual; one without has the last of them.
CONTRIBUTION, DISTANCE = "contribution", "distance"
_BASE = "base:"


@dataclass(frozen=True)
class GuardOption:
    """A guard that a policy string asks for.

    Attributes:
        value: Canonical text of the option: ``"on"``, or the base's policy string as in ``"base:prop"``.
        base: What a chunk falls back to.
        modalities: Modalities that are watched: those that the base does not read.
        signals: What has to exceed its threshold.
    """

    value: str
    base: Architecture
    modalities: tuple[str, ...]
    signals: tuple[str, ...]

    @property
    def names_base(self) -> bool:
        """Whether the base is another policy beside this one, and not part of its own network."""
        return self.value != ON

    @property
    def tag(self) -> str:
        """Part of the name of calibration files."""
        return f"guard-{self.base.slug}" if self.names_base else "guard"

    def keys(self, task: TaskInfo) -> tuple[str, ...]:
        """Observation keys that are watched, sorted."""
        return tuple(sorted(key for name in self.modalities for key in task.modalities[name]))

    def base_spec(self, spec: PolicySpec, checkpoint: Path) -> PolicySpec:
        """The base as a policy of its own, with the sampler of the guarded one.

        Args:
            spec: The guarded policy.
            checkpoint: The base's weights.
        """
        sampling = {key: spec.options[key] for key in SAMPLER_OPTIONS if key in spec.options}
        return PolicySpec("base", self.base.order, str(checkpoint), {**self.base.options, **sampling})


def guard_option(spec: PolicySpec, task: TaskInfo) -> GuardOption | None:
    """The guard that a policy string asks for; None for none.

    Raises:
        SpecError: If the policy string is not understood, or no guard is called so.
    """
    value, architecture = spec.options.get(GUARD_OPTION, OFF), architecture_of(spec, task)
    if value == OFF:
        return None
    if architecture.family == "fdp":
        if value != ON:
            raise SpecError(
                f"option {GUARD_OPTION}={value} of policy {spec.name!r} is not known{nearest(value, (OFF, ON))}"
            )
        if architecture.blind:
            raise SpecError(
                f"policy {spec.name!r}: residual=blind reads no secondary sense that {GUARD_OPTION}={ON} could watch; "
                "leave one of them out"
            )
        return GuardOption(ON, architecture.base(), architecture.secondary, (CONTRIBUTION, DISTANCE))
    first = architecture.modalities[0]
    if not value.startswith(_BASE) or value == _BASE:
        raise SpecError(
            f"option {GUARD_OPTION}={value} of policy {spec.name!r} names no base to fall back to; "
            f"write {GUARD_OPTION}={_BASE}{first}"
        )
    base = architecture_of(PolicySpec("base", value.removeprefix(_BASE)), task)
    watched = tuple(name for name in architecture.modalities if name not in base.modalities)
    foreign = [name for name in base.modalities if name not in architecture.modalities]
    if foreign or not watched:
        raise SpecError(
            f"option {GUARD_OPTION}={value} of policy {spec.name!r}: the base must read some of "
            f"{', '.join(architecture.modalities)} and leave others to be watched; write {GUARD_OPTION}={_BASE}{first}"
        )
    return GuardOption(str(base), base, watched, (DISTANCE,))


def without_guard(spec: PolicySpec) -> PolicySpec:
    """The same policy unguarded."""
    return replace(spec, options={key: text for key, text in spec.options.items() if key != GUARD_OPTION})
