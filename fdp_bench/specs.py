"""The grammar of policy and shift strings (docs/design.md, "Words").

A policy is ``name[:order][@checkpoint][?key=value&...]``, a shift ``name[@severity][?key=value&...]``; shifts
are joined by ``+``. The canonical text of a spec, ``str(spec)``, parses back to an equal spec.
"""

import re
from collections.abc import Sequence

from fdp_bench.api.episode import CLEAN
from fdp_bench.api.errors import ShiftConfigError, SpecError
from fdp_bench.api.order import check_order
from fdp_bench.api.policy import PolicySpec
from fdp_bench.api.shift import DEFAULT_LEVEL, LEVELS, ShiftSpec
from fdp_bench.plugins import POLICY_GROUP, SHIFT_GROUP, load_shift, require_plugin

#: Joins shifts that act together.
COMPOSE = "+"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
_KEY = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII | re.IGNORECASE)
_LEVEL = re.compile(rf"[1-{LEVELS}]")
_DECIMAL = re.compile(r"[0-9]*\.[0-9]+")
_WHOLE = re.compile(r"[0-9]+")
_SEVERITY_RULE = f"use a level 1-{LEVELS} or a number with a decimal point in (0, 1]"


def parse_policy(text: str) -> PolicySpec:
    """Parse a policy string and check that the policy is installed, without importing it.

    The order's form is checked here; whether the policy knows the order is for `Policy.resolve` to say.

    Args:
        text: For instance ``"fdp:prop>vision@runs/checkpoint?composition=score"``.

    Raises:
        SpecError: If the text is malformed or no installed policy has the name.
    """
    where = f"policy {text!r}"
    head, options = _split_options(text.strip(), where)
    head, at, checkpoint = head.partition("@")
    name, colon, order = head.partition(":")
    _check_name(name, where)
    if colon:
        if not order:
            raise SpecError(f"{where} has no order behind ':'; write for instance '{name}:prop>vision'")
        check_order(order)
    if at:
        _check_value(
            checkpoint, f"{where} has no checkpoint behind '@'; leave '@' out for the bundled weights"
        )
    require_plugin(name, POLICY_GROUP)
    return PolicySpec(name=name, order=order, checkpoint=checkpoint, options=options)


def parse_shifts(text: str) -> tuple[ShiftSpec, ...]:
    """Parse shifts joined by ``+`` and check that they are installed, without importing them.

    Args:
        text: For instance ``"occlusion@3+color@0.5?part=table"``; ``"clean"`` for none.

    Returns:
        The shifts in the order given; () for ``"clean"``.

    Raises:
        SpecError: If the text is malformed or no installed shift has a name.
        ShiftConfigError: If a severity is out of range.
    """
    if text.strip() == CLEAN:
        return ()
    shifts: list[ShiftSpec] = []
    for part in text.split(COMPOSE):
        spec = _parse_shift(part.strip(), text)
        if spec in shifts:
            raise SpecError(f"shift {text!r} names {str(spec)!r} twice; leave one out")
        shifts.append(spec)
    return tuple(shifts)


def format_shifts(shifts: Sequence[ShiftSpec]) -> str:
    """Canonical text of shifts that act together; ``"clean"`` for none."""
    return COMPOSE.join(map(str, shifts)) or CLEAN


def resolve_shifts(shifts: Sequence[ShiftSpec]) -> tuple[ShiftSpec, ...]:
    """Check shifts' options against their classes, which are imported; leave out those that equal a default.

    Raises:
        ShiftConfigError: If a shift has no such option or the option no such value.
        PluginError: If a shift cannot be loaded.
    """
    resolved = []
    for spec in shifts:
        kind = load_shift(spec.name)
        defaults, chosen = kind._resolve_options({}), kind._resolve_options(spec.options)
        kept = {key: value for key, value in chosen.items() if value != defaults[key]}
        resolved.append(ShiftSpec(spec.name, spec.severity, kept))
    return tuple(resolved)


def _parse_shift(part: str, whole: str) -> ShiftSpec:
    where = f"shift {part!r}" if part == whole.strip() else f"shift {part!r} in {whole!r}"
    head, options = _split_options(part, where)
    name, at, severity = head.partition("@")
    _check_name(name, where)
    if name == CLEAN:
        raise SpecError(f"{where}: 'clean' stands alone, without severity, options or another shift")
    require_plugin(name, SHIFT_GROUP)
    value = _parse_severity(severity, where) if at else DEFAULT_LEVEL / LEVELS
    return ShiftSpec(name=name, severity=value, options=options)


def _parse_severity(text: str, where: str) -> float:
    if _LEVEL.fullmatch(text):
        return int(text) / LEVELS
    if _WHOLE.fullmatch(text):
        raise ShiftConfigError(f"{where}: level {text[:20]} is out of range; {_SEVERITY_RULE}")
    if not _DECIMAL.fullmatch(text):
        raise SpecError(f"{where}: severity {text!r} is no number; {_SEVERITY_RULE}")
    value = float(text)
    if not 0.0 < value <= 1.0:
        raise ShiftConfigError(f"{where}: severity {text} is out of range; {_SEVERITY_RULE}")
    return value


def _split_options(text: str, where: str) -> tuple[str, dict[str, str]]:
    head, mark, tail = text.partition("?")
    options: dict[str, str] = {}
    for pair in tail.split("&") if mark else ():
        key, equals, value = pair.partition("=")
        if not equals or not _KEY.fullmatch(key):
            raise SpecError(f"{where}: option {pair!r} is malformed; write key=value, joined by '&'")
        _check_value(value, f"{where}: option {key!r} has no value; write {key}=value")
        if key in options:
            raise SpecError(f"{where}: option {key!r} is given twice")
        options[key] = value
    return head, options


def _check_name(name: str, where: str) -> None:
    if not name:
        raise SpecError(f"{where} has no name; `fdp-bench list` shows what is installed")
    if not _NAME.fullmatch(name):
        raise SpecError(
            f"{where}: {name!r} is no name; names are lower-case letters, digits, '.', '_' and '-'"
        )


def _check_value(value: str, if_empty: str) -> None:
    if not value:
        raise SpecError(if_empty)
    if not value.isprintable() or value != value.strip():
        raise SpecError(f"{value!r} holds line breaks, control characters or outer spaces; leave them out")
