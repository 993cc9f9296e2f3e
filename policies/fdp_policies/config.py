"""Configuration of networks, diffusion and training: frozen values, each default written once."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

from fdp_bench.api import SpecError, nearest

ENCODERS = ("cnn", "vit")
BACKBONES = ("dit", "unet", "mlp")
COMPOSITIONS = ("block", "score")
#: How experts that were trained apart act together: noise predictions under weights found once, or by a network.
MIXTURES = ("weighted", "consensus")
SAMPLERS = ("ddim", "ddpm")
LOSS_WEIGHTS = ("min-snr", "plain")
HELDOUT_WEIGHTS = ("plain", "trained")
#: What a budget counts: all gradient steps, or only those that read pictures.
BUDGETS = ("gradient", "vision")

Config = TypeVar("Config", bound="NetworkConfig | DiffusionConfig | SamplerConfig | TrainingConfig")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SpecError(message)


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of one denoising network and its encoders."""

    n_obs_steps: int = 2
    """Latest observations that the policy reads."""
    horizon: int = 8
    """Actions predicted at once, counted from the current control step."""
    n_action_steps: int = 8
    """Predicted actions that are executed before the policy is asked again."""
    width: int = 128
    """Width of the transformer's tokens and of the condition."""
    depth: int = 4
    """Number of transformer blocks."""
    heads: int = 4
    """Attention heads a block."""
    encoder: str = "cnn"
    """Image encoder, ``"cnn"`` (convolutions with spatial softmax) or ``"vit"``."""
    feature_dim: int = 64
    """Features that each camera and each low-dimensional key is encoded to."""
    crop_size: int = 80
    """Side of the square cut from each frame, pixels: at random in training, centred otherwise."""
    backbone: str = "dit"
    """What denoises: ``"dit"``, a transformer, or ``"unet"``, convolutions over the chunk; ``"mlp"`` denoises nothing,
    it regresses. `depth` and `heads` are the transformer's alone; a U-Net has `width` / 2 channels at the chunk's own
    resolution."""

    def __post_init__(self) -> None:
        _require(
            self.encoder in ENCODERS, f"encoder={self.encoder} is not known{nearest(self.encoder, ENCODERS)}"
        )
        _require(1 <= self.n_action_steps <= self.horizon, "n_action_steps must lie in [1, horizon]")
        _require(self.n_obs_steps >= 1, "n_obs_steps must be at least 1")
        _require(
            self.width >= 1 and self.width % (2 * self.heads) == 0,
            f"width={self.width} must be a multiple of {2 * self.heads}, twice the number of heads",
        )
        _require(self.depth >= 1, f"depth={self.depth} must be at least 1")
        _require(
            self.backbone in BACKBONES,
            f"backbone={self.backbone} is not known{nearest(self.backbone, BACKBONES)}",
        )
        if self.backbone == "unet":
            _require(
                self.width % 16 == 0,
                f"width={self.width} of a U-Net must be a multiple of 16, for its group norms",
            )
            _require(self.horizon % 2 == 0, f"horizon={self.horizon} of a U-Net must be even, to be halved")


@dataclass(frozen=True)
class DiffusionConfig:
    """The forward process; the same for every arm that is compared."""

    training_steps: int = 100
    """Diffusion steps of the forward process."""
    noise_schedule: str = "squaredcos_cap_v2"
    """Nichol and Dhariwal's cosine schedule, as Diffusion Policy uses it."""
    clip_sample: float = 1.0
    """Bound on the predicted clean (normalized) action while sampling."""


@dataclass(frozen=True)
class SamplerConfig:
    """The reverse process."""

    sampler: str = "ddim"
    """``"ddim"`` (deterministic) or ``"ddpm"``."""
    denoising_steps: int = 10
    """Network evaluations an action chunk."""

    def __post_init__(self) -> None:
        _require(
            self.sampler in SAMPLERS, f"sampler={self.sampler} is not known{nearest(self.sampler, SAMPLERS)}"
        )
        _require(self.denoising_steps >= 1, "denoising_steps must be at least 1")


@dataclass(frozen=True)
class TrainingConfig:
    """The recipe; arms that are compared share it, total gradient steps included."""

    num_demos: int = 100
    """Demonstrations trained on; others of the file are held out for validation."""
    seed: int = 0
    """Seed of initialization, batches, crops and noise."""
    steps: int = 7_000
    """Budget of a policy, an FDP's base and residual together; `budget` says which steps it counts."""
    budget: str = "gradient"
    """``"gradient"``: `steps` counts every gradient step. ``"vision"``: it counts those that read pictures, so that all
    policies see equally many; a base that reads none takes up to `blind_steps` beside it."""
    blind_steps: int = 15_000
    """Gradient steps at most of a base that reads no pictures, where `budget` is ``"vision"``."""
    joint_plateau_steps: int = 0
    """Gradient steps at most of a joint policy that trains to its plateau; 0 for one that trains for `steps`."""
    base_fraction: float = 0.5
    """Largest share of `steps` that an FDP's base may take when its loss has not reached a plateau; experts share
    theirs evenly (`fdp_policies.training.experts`)."""
    batch_size: int = 64
    """Encoded observations a step."""
    noise_draws: int = 2
    """Noise draws for each encoded observation: the encoder is the dear part."""
    loss_weight: str = "min-snr"
    """``"min-snr"`` (Hang et al. 2023) or ``"plain"``, the paper's."""
    min_snr_gamma: float = 5.0
    """Gamma of min-SNR weighting."""
    learning_rate: float = 5e-4
    """Peak learning rate of AdamW."""
    weight_decay: float = 1e-4
    """Weight decay of AdamW."""
    warmup_steps: int = 300
    """Steps of linear warm-up."""
    final_learning_rate_fraction: float = 0.02
    """Cosine decay ends at this share of the peak."""
    decay_base: bool = False
    """Whether the learning rate of a phase that stops at its plateau falls by a cosine over the last fifth of its
    steps; False keeps it constant."""
    ema_decay: float = 0.999
    """Decay of the exponential moving average of the weights, which is what is kept."""
    max_gradient_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    eval_every: int = 250
    """Steps between two held-out evaluations."""
    eval_windows: int = 384
    """Held-out windows an evaluation, on fixed noise."""
    heldout_weight: str = "plain"
    """What held-out losses, and so plateaus and verdicts, are weighted by: ``"plain"`` for the unweighted error,
    ``"trained"`` for `loss_weight`."""
    plateau_fall: float = 0.005
    """A base has stopped falling when the last fifth of its steps lowered the loss by less than this share."""
    plateau_min_steps: int = 1500
    """A base trains for at least this many steps."""
    precision: str = "bf16"
    """``"bf16"`` autocast where the device has it, or ``"fp32"``."""
    freeze_base: bool = True
    """Whether the base is frozen while the residual trains. False exists to show what goes wrong."""
    zero_init: bool = True
    """Whether an FDP's Z layers start at zero. False exists to show what that does."""
    residual_loss_weight: str = ""
    """`loss_weight` of an FDP's residual where it differs from the base's; empty for the same."""
    base_steps: int = 0
    """Gradient steps that an FDP's base or an expert takes, plateau or not; 0 for as many as the plateau rule wants."""
    residual_steps: int = 0
    """Gradient steps that an FDP's residual or a router's consensus takes; 0 for those of `steps` that are left."""
    modality_dropout: float = 0.0
    """Probability with which a joint policy's training takes each sense of a window away, never all of them
    (`fdp_policies.training.dropout`)."""
    residual_dropout: float = 0.0
    """Probability with which each secondary sense of a window is taken from an FDP's residual, all of them at times."""

    def __post_init__(self) -> None:
        _require(
            self.loss_weight in LOSS_WEIGHTS,
            f"loss_weight={self.loss_weight} is not known{nearest(self.loss_weight, LOSS_WEIGHTS)}",
        )
        _require(self.num_demos >= 1, f"num_demos={self.num_demos} must be at least 1")
        _require(self.steps >= 1, f"steps={self.steps} must be at least 1")
        _require(
            self.batch_size >= 2,
            f"batch_size={self.batch_size} must be at least 2, to shuffle within a batch",
        )
        _require(self.noise_draws >= 1, f"noise_draws={self.noise_draws} must be at least 1")
        _require(self.precision in ("bf16", "fp32"), f"precision={self.precision} is neither bf16 nor fp32")
        _require(self.base_steps >= 0, f"base_steps={self.base_steps} must not be negative")
        _require(self.residual_steps >= 0, f"residual_steps={self.residual_steps} must not be negative")
        _require(
            0.0 <= self.modality_dropout < 1.0,
            f"modality_dropout={self.modality_dropout:g} must lie in [0, 1)",
        )
        _require(
            0.0 <= self.residual_dropout < 1.0,
            f"residual_dropout={self.residual_dropout:g} must lie in [0, 1)",
        )
        _require(
            self.residual_loss_weight in ("", *LOSS_WEIGHTS),
            f"residual_loss_weight={self.residual_loss_weight} is not known"
            f"{nearest(self.residual_loss_weight, LOSS_WEIGHTS)}",
        )
        _require(self.budget in BUDGETS, f"budget={self.budget} is not known{nearest(self.budget, BUDGETS)}")
        _require(
            self.heldout_weight in HELDOUT_WEIGHTS,
            f"heldout_weight={self.heldout_weight} is not known{nearest(self.heldout_weight, HELDOUT_WEIGHTS)}",
        )
        _require(self.blind_steps >= 1, f"blind_steps={self.blind_steps} must be at least 1")
        _require(
            self.joint_plateau_steps >= 0,
            f"joint_plateau_steps={self.joint_plateau_steps} must not be negative",
        )
        _require(0.0 < self.base_fraction < 1.0, f"base_fraction={self.base_fraction} must lie in (0, 1)")


#: Named recipes: what they change.
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    # The paper's loss as it stands; behind zero-initialized layers its residual stays blind (docs/design.md,
    # "The lazy residual").
    "paper": {"loss_weight": "plain", "noise_draws": 1},
    # Every policy sees equally many pictures, a base that sees none trains to its plateau, and that is judged by the
    # loss that is trained on.
    "fair": {"budget": "vision", "decay_base": True, "heldout_weight": "trained"},
}


def updated(config: Config, settings: Mapping[str, str]) -> Config:
    """Replace fields of a configuration by settings given as text.

    Raises:
        SpecError: If a value does not parse as the field's type or breaks the configuration's rules.
    """
    changes: dict[str, Any] = {}
    for field in fields(config):
        if field.name not in settings:
            continue
        current, text = getattr(config, field.name), settings[field.name]
        try:
            if isinstance(current, bool):
                changes[field.name] = {"true": True, "false": False}[text.lower()]
            else:
                changes[field.name] = type(current)(text)
        except (ValueError, KeyError):
            kind = type(current).__name__
            raise SpecError(
                f"{field.name}={text!r} is not a valid {kind}; the default is {current}"
            ) from None
    return replace(config, **changes)


def variant_of(training: TrainingConfig) -> str:
    """Settings unlike the default recipe's, training size and seed aside: ``"steps=20,zero_init=false"``."""
    used, default = asdict(training), asdict(TrainingConfig())
    changed = {k: v for k, v in used.items() if v != default[k] and k not in ("num_demos", "seed")}
    return ",".join(f"{key}={str(changed[key]).lower()}" for key in sorted(changed))


def as_json(config: Config) -> dict[str, Any]:
    """A configuration as a JSON-ready dictionary."""
    return asdict(config)
