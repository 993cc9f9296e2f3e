"""The order of modalities in a policy string: what is prioritized, and what is not; or a set of experts.

The grammar: docs/design.md, "Policies and orders".
"""

import re
from collections.abc import Iterable

from fdp_bench.api.errors import SpecError, nearest

#: Separates the prioritized modalities from the rest.
PRIORITY = ">"
#: Joins modalities on one side.
JOIN = "+"
#: Separates experts, policies on senses of their own that act together.
EXPERTS = ","

_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: What a lone modality implies as the rest.
_LONE_REST = {"prop": "vision", "vision": "prop"}


def check_order(text: str) -> None:
    """Check the form of an order, without knowing which modalities exist.

    Args:
        text: For instance ``"prop>vision"``, ``"prop+vision>tactile"`` or ``"prop"``; or experts, ``"prop,vision"``.

    Raises:
        SpecError: If a side is empty, a name is malformed or named twice, or there are several ``>``.
    """
    if EXPERTS in text:
        _split_experts(text)
    else:
        _split(text)


def parse_order(
    text: str, modalities: Iterable[str], *, complete: bool = True
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split an order into the prioritized modalities and the rest.

    An order with ``>`` uses exactly the modalities that it names. A lone ``prop`` means ``prop>vision``, a
    lone ``vision`` means ``vision>prop``.

    Args:
        text: The order, for instance ``"prop>vision"``.
        modalities: Names of the modalities that the task offers.
        complete: Whether an order without ``>`` is completed. If False, its rest is empty,
            which suits a policy without secondary modalities.

    Returns:
        (prioritized, rest), each in the order written.

    Raises:
        SpecError: If the order is malformed, names a modality that the task does not offer, or leaves
            the rest open where it cannot be guessed.
    """
    offered = tuple(modalities)
    prioritized, rest = _split(text)
    if not rest and complete:
        implied = _LONE_REST.get(prioritized[0]) if len(prioritized) == 1 else None
        if implied is None:
            _check_offered(text, prioritized, offered)
            example = _example(text, prioritized, offered)
            raise SpecError(f"order {text!r} does not say what is secondary; write {example!r}")
        rest = (implied,)
    _check_offered(text, prioritized + rest, offered)
    return prioritized, rest


def parse_experts(text: str, modalities: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Split an order into experts: ``"prop,vision"`` is one on each sense, ``"prop+vision,tactile"`` one on two.

    A sense may be read by several experts, but no two read the same senses.

    Args:
        text: The order.
        modalities: Names of the modalities that the task offers.

    Returns:
        The modalities of each expert, in the order written.

    Raises:
        SpecError: If there are fewer than two experts, one is malformed or named twice, or one names a modality that
            the task does not offer.
    """
    experts = _split_experts(text)
    for expert in experts:
        _check_offered(text, expert, tuple(modalities))
    if len(experts) < 2:
        raise SpecError(
            f"order {text!r} names one expert, and it takes two; write for instance 'prop,vision', each trained alone"
        )
    return experts


def format_experts(experts: Iterable[Iterable[str]]) -> str:
    """Inverse of `parse_experts`: the canonical text of a set of experts."""
    return EXPERTS.join(JOIN.join(expert) for expert in experts)


def format_order(prioritized: Iterable[str], rest: Iterable[str] = ()) -> str:
    """Inverse of `parse_order`: the canonical text of an order."""
    sides = [JOIN.join(side) for side in (tuple(prioritized), tuple(rest)) if side]
    return PRIORITY.join(sides)


def _split(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if EXPERTS in text:
        raise SpecError(
            f"order {text!r} names experts that are trained apart, which this policy has not; write for instance "
            "'prop>vision'"
        )
    sides = text.split(PRIORITY)
    if len(sides) > 2:
        raise SpecError(
            f"order {text!r} has {len(sides) - 1} '>'; one separates what is prioritized from the rest"
        )
    named: list[str] = []
    for position, side in enumerate(sides):
        where = "behind '>'" if position else "prioritized"
        if not side:
            raise SpecError(f"order {text!r} names no modality {where}; write for instance 'prop>vision'")
        for name in side.split(JOIN):
            _check_name(text, name, "prop>vision")
            if name in named:
                raise SpecError(
                    f"order {text!r} names {name!r} twice; each modality stands on one side of '>'"
                )
            named.append(name)
    first = len(sides[0].split(JOIN))
    return tuple(named[:first]), tuple(named[first:])


def _split_experts(text: str) -> tuple[tuple[str, ...], ...]:
    if PRIORITY in text:
        raise SpecError(
            f"order {text!r} holds '>', and experts have no priority; ',' separates them, as in 'prop,vision'"
        )
    experts: list[tuple[str, ...]] = []
    for part in text.split(EXPERTS):
        if not part:
            raise SpecError(
                f"order {text!r} names no modality on one side of ','; write for instance 'prop,vision'"
            )
        names = part.split(JOIN)
        for name in names:
            _check_name(text, name, "prop,vision")
            if names.count(name) > 1:
                raise SpecError(f"order {text!r} names {name!r} twice in one expert; leave one out")
        if any({*names} == {*other} for other in experts):
            raise SpecError(f"order {text!r} names the expert {part!r} twice; leave one out")
        experts.append(tuple(names))
    return tuple(experts)


def _check_name(text: str, name: str, example: str) -> None:
    if not _NAME.fullmatch(name):
        raise SpecError(f"order {text!r} holds {name!r}, no modality's name; write for instance {example!r}")


def _check_offered(text: str, names: tuple[str, ...], offered: tuple[str, ...]) -> None:
    for name in names:
        if name not in offered:
            raise SpecError(f"order {text!r} names unknown modality {name!r}{nearest(name, offered)}")


def _example(text: str, prioritized: tuple[str, ...], offered: tuple[str, ...]) -> str:
    others = [name for name in offered if name not in prioritized]
    return f"{text}>{others[0]}" if others else "prop>vision"
