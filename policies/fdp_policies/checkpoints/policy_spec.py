"""What a policy string means to this package: family, order, architecture, and where its weights lie."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fdp_bench.api import (
    PolicySpec,
    SpecError,
    TaskInfo,
    format_experts,
    format_order,
    nearest,
    parse_experts,
    parse_order,
)
from fdp_bench.api.order import JOIN, PRIORITY
from fdp_policies.config import COMPOSITIONS, NetworkConfig, SamplerConfig, TrainingConfig, updated

#: Families conditioned on all senses jointly, which take no order.
JOINT = ("dp-dit", "dp-unet", "bc")
#: Families of experts that are trained apart -> how these act together, one of `fdp_policies.config.MIXTURES`.
MIXED: Mapping[str, str] = {"score-sum": "weighted", "router": "consensus"}
#: Options that choose an architecture, and so its weights; the default first.
ARCHITECTURE_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "encoder": ("cnn", "vit"),
    "composition": COMPOSITIONS,
    "backbone": ("dit", "unet"),
    "residual": ("all", "blind"),
    "steps": ("budget", "plateau"),
}
#: Options that choose the transformer's size, any whole number that fits, and their defaults.
SIZE_OPTIONS: Mapping[str, str] = {
    "width": str(NetworkConfig().width),
    "depth": str(NetworkConfig().depth),
}
#: Option of a family in `JOINT` that names the senses it reads.
SENSES_OPTION = "modalities"
#: Option of a family in `JOINT`: how often training takes a sense away; see `fdp_policies.training.dropout`.
DROPOUT_OPTION = "modality_dropout"
#: Option of ``fdp``: how often training takes a secondary sense from the residual.
RESIDUAL_DROPOUT_OPTION = "residual_dropout"
SAMPLER_OPTIONS = ("sampler", "denoising_steps")
#: When a chunk of actions is another policy's; see `fdp_policies.guard`. Like the sampler, it chooses no weights.
GUARD_OPTION = "guard"
#: Family -> its options.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "dp-dit": (
        "encoder",
        "width",
        "depth",
        SENSES_OPTION,
        DROPOUT_OPTION,
        "steps",
        *SAMPLER_OPTIONS,
        GUARD_OPTION,
    ),
    "dp-unet": ("encoder", "width", SENSES_OPTION, DROPOUT_OPTION, "steps", *SAMPLER_OPTIONS, GUARD_OPTION),
    "bc": ("encoder", "width", SENSES_OPTION, DROPOUT_OPTION, "steps"),
    "fdp": (
        "encoder",
        "width",
        "depth",
        "composition",
        "backbone",
        "residual",
        RESIDUAL_DROPOUT_OPTION,
        *SAMPLER_OPTIONS,
        GUARD_OPTION,
    ),
    "base": ("encoder", "width", "depth", "backbone", *SAMPLER_OPTIONS),
    **dict.fromkeys(MIXED, ("encoder", "width", "depth", "backbone", *SAMPLER_OPTIONS)),
}
#: Families whose network is always the same -> their backbone.
_OWN_BACKBONE: Mapping[str, str] = {"dp-unet": "unet", "bc": "mlp"}

BUNDLED = Path(__file__).parents[1] / "weights"


@dataclass(frozen=True)
class Architecture:
    """A network to train or load.

    Attributes:
        family: One of `FAMILIES`.
        prioritized: Modalities of the base; all of them for a single network and for experts.
        secondary: Modalities that only an FDP's residual reads.
        composition: ``"block"`` or ``"score"`` for an FDP, that of `MIXED` for experts; else it means nothing.
        network: Shape of each denoiser.
        size: Those of `SIZE_OPTIONS` that were asked for and differ from their default.
        senses: The modalities of a joint network, joined by ``+``, where they are not the task's usual ones.
        modality_dropout: Probability with which training takes each sense away; 0 but for `JOINT`.
        experts: Modalities of each expert of a family in `MIXED`.
        residual_dropout: Probability with which training takes each secondary sense from an FDP's residual.
        to_plateau: Whether a network in `JOINT` trains to its plateau instead of for its budget.
        blind: Whether an FDP's residual reads the prioritized senses alone, which shows what another network on the
            base's own senses gains.
    """

    family: str
    prioritized: tuple[str, ...]
    secondary: tuple[str, ...] = ()
    composition: str = "block"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    size: Mapping[str, str] = field(default_factory=dict)
    senses: str = ""
    modality_dropout: float = 0.0
    experts: tuple[tuple[str, ...], ...] = ()
    residual_dropout: float = 0.0
    to_plateau: bool = False
    blind: bool = False

    @property
    def modalities(self) -> tuple[str, ...]:
        """All modalities that are read."""
        return self.prioritized + self.added

    @property
    def added(self) -> tuple[str, ...]:
        """Modalities that an FDP's residual reads beside the base's."""
        return () if self.blind else self.secondary

    def base(self, modalities: tuple[str, ...] = ()) -> "Architecture":
        """The base of an FDP; or an expert on some modalities, which is the base of an FDP that prioritizes them."""
        return Architecture("base", modalities or self.prioritized, network=self.network, size=self.size)

    @property
    def order(self) -> str:
        """The order as written in a policy string; empty for DP-DiT."""
        if self.experts:
            return format_experts(self.experts)
        return "" if self.family in JOINT else format_order(self.prioritized, self.secondary)

    @property
    def options(self) -> dict[str, str]:
        """The options that choose it, those at their default left out."""
        options = dict(self.size)
        if self.senses:
            options[SENSES_OPTION] = self.senses
        if self.network.encoder != ARCHITECTURE_OPTIONS["encoder"][0]:
            options["encoder"] = self.network.encoder
        if self._chosen_composition:
            options["composition"] = self.composition
        if self._chosen_backbone:
            options["backbone"] = self._chosen_backbone
        if self.modality_dropout:
            options[DROPOUT_OPTION] = f"{self.modality_dropout:g}"
        if self.residual_dropout:
            options[RESIDUAL_DROPOUT_OPTION] = f"{self.residual_dropout:g}"
        if self.to_plateau:
            options["steps"] = "plateau"
        if self.blind:
            options["residual"] = "blind"
        return options

    @property
    def _chosen_composition(self) -> str:
        default = MIXED.get(self.family, ARCHITECTURE_OPTIONS["composition"][0])
        return "" if self.composition == default else self.composition

    @property
    def _chosen_backbone(self) -> str:
        if self.network.backbone in (ARCHITECTURE_OPTIONS["backbone"][0], _OWN_BACKBONE.get(self.family)):
            return ""
        return self.network.backbone

    def __str__(self) -> str:
        """Canonical policy string."""
        return str(PolicySpec(self.family, self.order, options=self.options))

    @property
    def slug(self) -> str:
        """File name without ending, for instance ``"fdp-prop-vision"``."""
        sides = self.experts or (self.prioritized, self.secondary)
        parts = [self.family, *(JOIN.join(side) for side in sides if side)]
        if self.family in JOINT:
            parts = [self.family, *([self.senses] if self.senses else [])]
        if self.network.encoder != "cnn":
            parts.append(self.network.encoder)
        if self._chosen_composition:
            parts.append(self.composition)
        if self._chosen_backbone:
            parts.append(self._chosen_backbone)
        if self.modality_dropout:
            parts.append(f"{DROPOUT_OPTION}{self.modality_dropout:g}")
        if self.residual_dropout:
            parts.append(f"{RESIDUAL_DROPOUT_OPTION}{self.residual_dropout:g}")
        if self.to_plateau:
            parts.append("plateau")
        if self.blind:
            parts.append("blind")
        parts += [f"{key}{self.size[key]}" for key in sorted(self.size)]
        return "-".join(parts)


def architecture_of(spec: PolicySpec, task: TaskInfo) -> Architecture:
    """Read a policy string.

    Raises:
        SpecError: If its order or an option is not understood.
    """
    _check_options(spec)
    network, size = _network_of(spec)
    composition = spec.options.get("composition", "block")
    if spec.name in JOINT:
        return _joint(spec, task, network, size)
    if spec.name in MIXED:
        return _mixed(spec, task, network, size)
    if spec.name == "base":
        if not spec.order:
            raise SpecError("'base' needs the modalities that it reads, for instance 'base:prop'")
        prioritized, rest = parse_order(spec.order, task.modalities, complete=False)
        if rest:
            raise SpecError(
                f"'base' reads prioritized senses alone; got {spec.order!r}, write 'base:{prioritized[0]}'"
            )
        return Architecture("base", _sorted(prioritized, task), network=network, size=size)
    if not spec.order:
        raise SpecError("'fdp' needs an order, for instance 'fdp:prop>vision'")
    prioritized, rest = parse_order(spec.order, task.modalities)
    dropout = _probability(spec, RESIDUAL_DROPOUT_OPTION)
    blind = spec.options.get("residual") == "blind"
    if blind and dropout:
        raise SpecError(
            f"policy {spec.name!r}: residual=blind reads no secondary sense that {RESIDUAL_DROPOUT_OPTION} could take "
            "away; leave one of them out"
        )
    return Architecture(
        "fdp",
        _sorted(prioritized, task),
        _sorted(rest, task),
        composition,
        network,
        size,
        residual_dropout=dropout,
        blind=blind,
    )


def _joint(spec: PolicySpec, task: TaskInfo, network: NetworkConfig, size: Mapping[str, str]) -> Architecture:
    """A network on all senses jointly."""
    if spec.order:
        raise SpecError(
            f"{spec.name!r} is conditioned on all senses jointly and takes no order; got {spec.order!r}"
        )
    modalities = joint_modalities(spec, task)
    asked = "" if modalities == task.usual_modalities else JOIN.join(modalities)
    return Architecture(
        spec.name,
        modalities,
        network=network,
        size=size,
        senses=asked,
        modality_dropout=_probability(spec, DROPOUT_OPTION),
        to_plateau=spec.options.get("steps") == "plateau",
    )


def _probability(spec: PolicySpec, option: str) -> float:
    """A training setting that a policy string names, 0 where it does not."""
    named = {key: text for key, text in spec.options.items() if key == option}
    value: float = getattr(updated(TrainingConfig(), named), option)
    return value


def _mixed(spec: PolicySpec, task: TaskInfo, network: NetworkConfig, size: Mapping[str, str]) -> Architecture:
    """Experts that are trained apart, in the task's order: the order written means nothing."""
    if not spec.order:
        raise SpecError(f"{spec.name!r} needs its experts, for instance '{spec.name}:prop,vision'")
    offered = list(task.modalities)
    experts = sorted(
        (_sorted(expert, task) for expert in parse_experts(spec.order, offered)),
        key=lambda expert: [offered.index(name) for name in expert],
    )
    return Architecture(
        spec.name,
        _sorted(tuple(name for expert in experts for name in expert), task),
        composition=MIXED[spec.name],
        network=network,
        size=size,
        experts=tuple(experts),
    )


def _check_options(spec: PolicySpec) -> None:
    known = FAMILIES[spec.name]
    for key, value in spec.options.items():
        if key not in known:
            raise SpecError(f"policy {spec.name!r} has no option {key!r}{nearest(key, known)}")
        allowed = ARCHITECTURE_OPTIONS.get(key)
        if allowed and value not in allowed:
            raise SpecError(
                f"option {key}={value} of policy {spec.name!r} is not known{nearest(value, allowed)}"
            )


def _network_of(spec: PolicySpec) -> tuple[NetworkConfig, dict[str, str]]:
    """Shape of a policy's networks, and the sizes in it that are not the default."""
    shape = {k: v for k, v in spec.options.items() if k in ("encoder", "backbone") or k in SIZE_OPTIONS}
    if spec.name in _OWN_BACKBONE:
        shape["backbone"] = _OWN_BACKBONE[spec.name]
    network = updated(NetworkConfig(), shape)
    if network.backbone == "unet" and "depth" in shape:
        raise SpecError("a U-Net has no depth: its resolutions are fixed; leave it out, or change its width")
    size = {key: str(getattr(network, key)) for key in SIZE_OPTIONS if key in shape}
    return network, {key: value for key, value in size.items() if value != SIZE_OPTIONS[key]}


def joint_modalities(spec: PolicySpec, task: TaskInfo) -> tuple[str, ...]:
    """The modalities that a joint policy reads, in the task's order: those that it names, or the task's usual ones.

    Raises:
        SpecError: If it names one that the task does not offer, or names it twice.
    """
    text = spec.options.get(SENSES_OPTION)
    if text is None:
        return task.usual_modalities
    named, rest = parse_order(text, task.modalities, complete=False)
    if rest:
        raise SpecError(
            f"option {SENSES_OPTION}={text} of policy {spec.name!r} prioritizes, and it reads all its senses jointly; "
            f"write {SENSES_OPTION}={text.replace(PRIORITY, JOIN)}"
        )
    return _sorted(named, task)


def _sorted(modalities: tuple[str, ...], task: TaskInfo) -> tuple[str, ...]:
    """Modalities in the task's order: within one side of ``>`` the order written means nothing."""
    return tuple(name for name in task.modalities if name in modalities)


def sampler_of(spec: PolicySpec) -> SamplerConfig:
    """The sampler that a policy string asks for; DDPM takes all 100 steps unless told otherwise."""
    settings = {key: spec.options[key] for key in SAMPLER_OPTIONS if key in spec.options}
    if settings.get("sampler") == "ddpm":
        settings.setdefault("denoising_steps", "100")
    return updated(SamplerConfig(), settings)


def weights_path(spec: PolicySpec, task: TaskInfo) -> Path:
    """Where the weights of a policy string lie: the path behind ``@``, or the bundled file."""
    if spec.checkpoint:
        return Path(spec.checkpoint)
    return BUNDLED / task.task_id.split("/")[-1] / f"{architecture_of(spec, task).slug}.safetensors"
