"""Specs of policies, shifts, orders and tasks: put together as the grammar has them, spoiled, and any text at all."""

import contextlib
import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from fdp_policies.checkpoints.policy_spec import FAMILIES, JOINT
from hypothesis import strategies as st

from fdp_bench.api import TaskInfo, check_order, parse_experts, parse_order
from fdp_bench.api.errors import FdpBenchError
from fdp_bench.plugins import load_policy, load_shift, policy_plugins, shift_plugins
from fdp_bench.runner.rollout.environment import make_base, wrap
from fdp_bench.specs import format_shifts, parse_policy, parse_shifts, resolve_shifts
from fdp_bench.tasks import resolve_task
from fdp_bench.toy import TOY_TASK

from .watch import PAYLOADS

LIFT = TaskInfo(
    task_id="fdp_bench/Lift-v1",
    modalities={"prop": ("prop",), "vision": ("image.agentview", "image.wrist"), "tactile": ("tactile",)},
    observation_shapes={
        "prop": (16,),
        "image.agentview": (84, 84, 3),
        "image.wrist": (84, 84, 3),
        "tactile": (12,),
    },
    action_dim=7,
    horizon=200,
    control_hz=20.0,
    profile="fast",
)
_SIGNS = (*tuple(":@?&=>+,.-_/ \t\n\x00~%{}$()<>|'\"\\"), "..", "&&", "==", "@@", "?=")
#: What an option, a severity or a path may be given.
_VALUES = (
    *(
        "0",
        "1",
        "-1",
        "2",
        "3",
        "6",
        "0.5",
        ".5",
        "1.",
        "1.0",
        "0.0",
        "00.5",
        "0." + "0" * 400 + "1",
        "1_0",
        "٣",
        "0x10",
    ),
    *(
        "1e5",
        "1e-3",
        "1e400",
        "nan",
        "inf",
        "9" * 30,
        "9" * 5000,
        "true",
        "None",
        "all",
        "a" * 300,
        "..",
        "/",
        "~",
        ".",
    ),
    *("x.safetensors", "a" * 300 + ".safetensors", "x.pt", "tests", "/etc/passwd", "prop+vision", *PAYLOADS),
)
#: Options of the policies that are shipped, with values that some of them take.
_POLICY_OPTIONS: Mapping[str, Sequence[str]] = {
    "encoder": ("cnn", "vit"),
    "width": ("64", "128"),
    "depth": ("2", "4"),
    "backbone": ("dit", "unet"),
    "composition": ("block", "score"),
    "modalities": ("prop", "prop+vision", "vision+tactile"),
    "modality_dropout": ("0.3", "0"),
    "residual_dropout": ("0.3", "0"),
    "steps": ("200", "plateau"),
    "guard": ("on", "off", "base:prop"),
    "sampler": ("ddim", "ddpm"),
    "denoising_steps": ("1", "10", "100"),
}
_ORDERS = (
    "prop>vision",
    "vision>prop",
    "prop,vision",
    "prop",
    "vision",
    "prop+vision>tactile",
    "vision>tactile",
)
_WORDS = (
    *(
        "prop",
        "vision",
        "tactile",
        "clean",
        "1",
        "3",
        "5",
        "6",
        "0.5",
        "1.0",
        "0.0",
        "00",
        "9" * 5000,
        "1e5",
        "nan",
    ),
    *(
        "sampler",
        "denoising_steps",
        "width",
        "depth",
        "encoder",
        "composition",
        "ddpm",
        "vit",
        "score",
        "-1",
        "٣",
    ),
    *(
        "part",
        "table",
        "cameras",
        "mode",
        "runs/x.safetensors",
        "a" * 300,
        "Lift",
        "fdp_bench/Lift-v1",
        "x:y/Z-v0",
    ),
    *PAYLOADS,
)


def specs() -> st.SearchStrategy[str]:
    """Specs by the grammar, whole and spoiled; its words and signs in any order; and any text at all."""
    names = [*policy_plugins(), *shift_plugins(), *_WORDS]
    piece = st.one_of(st.sampled_from(names), st.sampled_from(_SIGNS), st.text(max_size=5))
    by_the_grammar = [st.integers(0, 2**32).map(_by_the_grammar) for _ in range(3)]
    return st.one_of(*by_the_grammar, st.lists(piece, max_size=12).map("".join))


def _by_the_grammar(seed: int) -> str:
    rng = random.Random(seed)
    text = _policy(rng) if rng.random() < 0.5 else _shifts(rng)
    for _ in range(rng.choice((0, 0, 0, 0, 1, 2, 4))):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice((*_SIGNS, "")) + text[at + rng.randrange(2) :]
    return text


def _policy(rng: random.Random) -> str:
    name = text = rng.choice(sorted(policy_plugins()))
    if rng.random() < (0.95 if name in FAMILIES and name not in JOINT else 0.1):
        text += ":" + rng.choice(_ORDERS)
        if rng.random() < 0.2:
            text += rng.choice(">+,") + rng.choice((*LIFT.modalities, "touch", ""))
    if rng.random() < 0.15:
        text += "@" + rng.choice(_VALUES)
    return text + _options(
        rng, {key: _POLICY_OPTIONS[key] for key in FAMILIES.get(name, ()) or _POLICY_OPTIONS}
    )


def _shifts(rng: random.Random) -> str:
    parts = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        name = rng.choice(sorted(shift_plugins()))
        severity = rng.choice(("", "", "@1", "@2", "@5", "@0.5", "@1.0", "@" + rng.choice(_VALUES)))
        known = load_shift(name).option_values.items()
        parts.append(
            name + severity + _options(rng, {key: [v] if isinstance(v, str) else v for key, v in known})
        )
    return "+".join(parts)


def _options(rng: random.Random, known: Mapping[str, Sequence[str]]) -> str:
    pairs = []
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
        key = rng.choice(list(known)) if known and rng.random() < 0.95 else "x"
        value = rng.choice(list(known.get(key, _VALUES)) if rng.random() < 0.8 else _VALUES)
        pairs.append(f"{key}={value}")
    return "?" + "&".join(pairs) if pairs else ""


@cache
def _toy() -> Any:
    return make_base(TOY_TASK)


def read_spec(text: str) -> None:
    """Give a text to every entry that takes one, and play what it means; errors of one do not spare it the next.

    Raises:
        FdpBenchError: If it is a spec of nothing.
    """
    entries: tuple[Callable[[], Any], ...] = (
        lambda: check_order(text),
        lambda: parse_order(text, LIFT.modalities),
        lambda: parse_experts(text, LIFT.modalities),
        lambda: None if "toml" in text else resolve_task(text),
    )
    for entry in entries:
        with contextlib.suppress(FdpBenchError):
            entry()
    try:
        _read_shifts(text)
    except FdpBenchError:
        _read_policy(text)


def _read_shifts(text: str) -> None:
    shifts = resolve_shifts(parse_shifts(text))
    assert resolve_shifts(parse_shifts(format_shifts(shifts))) == shifts
    env = wrap(_toy(), shifts)
    env.reset(seed=0)
    env.step(env.action_space.sample())


def _read_policy(text: str) -> None:
    spec = parse_policy(text)
    kind = load_policy(spec.name)
    resolved = kind.resolve(spec, LIFT)
    assert parse_policy(str(resolved)) == resolved
    kind.sampler_name(resolved)
    kind.weights(resolved, LIFT)
    kind(resolved, LIFT)


def warm_up() -> None:
    """Have everything imported that plain specs import."""
    for text in (
        *policy_plugins(),
        *shift_plugins(),
        "fdp:prop>vision",
        "base:prop",
        "score-sum:prop,vision",
    ):
        with contextlib.suppress(FdpBenchError):
            read_spec(text)
