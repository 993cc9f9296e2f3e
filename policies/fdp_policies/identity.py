"""What a policy string means to this package: family, order, architecture, and where its weights lie."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fdp_bench.api import PolicySpec, SpecError, TaskInfo, format_order, nearest, parse_order
from fdp_policies.config import COMPOSITIONS, NetworkConfig, SamplerConfig, updated

FAMILIES = ("dp-dit", "fdp", "base")
#: Options that choose an architecture, and so its weights; the default first.
ARCHITECTURE_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "encoder": ("cnn", "vit"),
    "composition": COMPOSITIONS,
}
#: Options that choose the transformer's size, any whole number that fits, and their defaults.
SIZE_OPTIONS: Mapping[str, str] = {
    "width": str(NetworkConfig().width),
    "depth": str(NetworkConfig().depth),
}
SAMPLER_OPTIONS = ("sampler", "denoising_steps")

BUNDLED = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Architecture:
    """A network to train or load.

    Attributes:
        family: ``"dp-dit"``, ``"fdp"`` or ``"base"``.
        prioritized: Modalities of the base; all of them for a single network.
        secondary: Modalities that only an FDP's residual reads.
        composition: ``"block"`` or ``"score"``; means nothing but for FDP.
        network: Shape of each denoiser.
        size: Those of `SIZE_OPTIONS` that were asked for and differ from their default.
    """

    family: str
    prioritized: tuple[str, ...]
    secondary: tuple[str, ...] = ()
    composition: str = "block"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    size: Mapping[str, str] = field(default_factory=dict)

    @property
    def modalities(self) -> tuple[str, ...]:
        """All modalities that are read."""
        return self.prioritized + self.secondary

    def base(self) -> "Architecture":
        """The base of an FDP."""
        return Architecture("base", self.prioritized, network=self.network, size=self.size)

    @property
    def order(self) -> str:
        """The order as written in a policy string; empty for DP-DiT."""
        return "" if self.family == "dp-dit" else format_order(self.prioritized, self.secondary)

    def __str__(self) -> str:
        """Canonical policy string."""
        options = dict(self.size)
        if self.network.encoder != ARCHITECTURE_OPTIONS["encoder"][0]:
            options["encoder"] = self.network.encoder
        if self.composition != ARCHITECTURE_OPTIONS["composition"][0]:
            options["composition"] = self.composition
        return str(PolicySpec(self.family, self.order, options=options))

    @property
    def slug(self) -> str:
        """File name without ending, for instance ``"fdp-prop-vision"``."""
        parts = [self.family, *(("+".join(side)) for side in (self.prioritized, self.secondary) if side)]
        if self.family == "dp-dit":
            parts = [self.family]
        if self.network.encoder != "cnn":
            parts.append(self.network.encoder)
        if self.composition != "block":
            parts.append(self.composition)
        parts += [f"{key}{self.size[key]}" for key in sorted(self.size)]
        return "-".join(parts)


def architecture_of(spec: PolicySpec, task: TaskInfo) -> Architecture:
    """Read a policy string.

    Raises:
        SpecError: If its order or an option is not understood.
    """
    known = (*ARCHITECTURE_OPTIONS, *SIZE_OPTIONS, *SAMPLER_OPTIONS)
    for key, value in spec.options.items():
        if key not in known:
            raise SpecError(f"policy {spec.name!r} has no option {key!r}{nearest(key, known)}")
        allowed = ARCHITECTURE_OPTIONS.get(key)
        if allowed and value not in allowed:
            raise SpecError(
                f"option {key}={value} of policy {spec.name!r} is not known{nearest(value, allowed)}"
            )
    shape = {k: v for k, v in spec.options.items() if k == "encoder" or k in SIZE_OPTIONS}
    network = updated(NetworkConfig(), shape)
    size = {key: str(getattr(network, key)) for key in SIZE_OPTIONS if key in shape}
    size = {key: value for key, value in size.items() if value != SIZE_OPTIONS[key]}
    composition = spec.options.get("composition", "block")
    if spec.name == "dp-dit":
        if spec.order:
            raise SpecError(
                f"'dp-dit' is conditioned on all senses jointly and takes no order; got {spec.order!r}"
            )
        return Architecture("dp-dit", tuple(task.modalities), network=network, size=size)
    if spec.name == "base":
        if not spec.order:
            raise SpecError("'base' needs the modalities that it reads, for instance 'base:prop'")
        prioritized, rest = parse_order(spec.order, task.modalities, complete=False)
        if rest:
            raise SpecError(
                f"'base' reads prioritized senses alone; got {spec.order!r}, write 'base:{prioritized[0]}'"
            )
        return Architecture("base", prioritized, network=network, size=size)
    if not spec.order:
        raise SpecError("'fdp' needs an order, for instance 'fdp:prop>vision'")
    prioritized, rest = parse_order(spec.order, task.modalities)
    return Architecture("fdp", prioritized, rest, composition, network, size)


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
