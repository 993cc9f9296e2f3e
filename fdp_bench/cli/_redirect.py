"""The unquoted ``--policy fdp:prop>vision``, which a shell reads as a redirect into a file named ``vision``.

The program then gets ``fdp:prop``, and its standard output is that file. It can tell: the file bears a modality's
name and lies in the working directory.
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: Names of docs/design.md, "Words"; a redirect into a file of another name is nobody's mistake.
MODALITIES = ("prop", "vision", "tactile")
#: Orders that a lone modality stands for anyway.
_IMPLIED = {"prop": "vision", "vision": "prop"}
_STDOUT = 1


@dataclass(frozen=True)
class Redirect:
    """What a shell did to an order.

    Attributes:
        file: Name of the file behind standard output: all that stood behind the ``>``.
        leftovers: Further empty files with modalities' names, of redirects that a later one overrode.
    """

    file: str
    leftovers: tuple[str, ...] = ()


def find_redirect(folder: Path | None = None, descriptor: int = _STDOUT) -> Redirect | None:
    """Find out whether standard output is a file in the working directory that bears a modality's name.

    Args:
        folder: The working directory if None.
        descriptor: File descriptor of standard output.

    Returns:
        The redirect; None where there is none.
    """
    try:
        behind = os.fstat(descriptor)
        if not stat.S_ISREG(behind.st_mode):
            return None
        candidates = [path for path in (folder or Path.cwd()).iterdir() if _names_modalities(path.name)]
        found = [path for path in candidates if os.path.samestat(path.stat(), behind)]
    except OSError:
        return None
    if not found:
        return None
    others = [path for path in candidates if path not in found and path.is_file() and not path.stat().st_size]
    return Redirect(found[0].name, tuple(sorted(path.name for path in others)))


def is_concerned(policies: Sequence[str]) -> bool:
    """Whether any of the policy strings may have lost its end to a redirect."""
    return any(map(_lone_order, policies))


def restore_orders(policies: Sequence[str], redirect: Redirect) -> list[str]:
    """Put back what the shell took off the policy strings.

    A lone ``prop`` or ``vision`` stands for the order that was meant anyway and stays, so that ``base:prop`` whose
    table is sent to a file named ``vision`` on purpose stays too. Any other order gets the file's name appended,
    where only one policy can be meant.

    Args:
        policies: Policy strings as the program got them.
        redirect: What was found.

    Returns:
        The policy strings that were meant.

    Raises:
        SpecError: If it cannot be told which of several policies was meant.
    """
    from fdp_bench.api.errors import SpecError

    restored = list(policies)
    lone = [position for position, text in enumerate(policies) if _lone_order(text)]
    orders = [_lone_order(policies[position]) for position in lone]
    implied = [_IMPLIED.get(order) for order in orders]
    if len(lone) == 1:
        if implied != [redirect.file]:
            restored[lone[0]] += f">{redirect.file}"
    elif lone and (None in implied or not {redirect.file, *redirect.leftovers} <= {*implied}):
        first = policies[lone[0]]
        raise SpecError(
            f"the shell read an unquoted '>{redirect.file}' as a redirect, and which of "
            f"{', '.join(repr(policies[position]) for position in lone)} it belongs to cannot be told; quote each "
            f'policy, for instance --policy "{first}>{redirect.file}"'
        )
    return restored


def explanation(typed: Sequence[str], restored: Sequence[str], redirect: Redirect) -> str:
    """What happened and how to avoid it, for standard error."""
    example = next((text for text in restored if ">" in text), None)
    if example is None:
        lone = next((text for text in typed if _lone_order(text)), "fdp:prop")
        example = f"{lone}>{redirect.file}"
    lines = [
        f"note: the shell took an unquoted '>{redirect.file}' as a redirect, so this output goes to the file "
        f"'{redirect.file}'; the table is shown here too.",
        f"note: running {', '.join(restored)} (a lone 'prop' means 'prop>vision' to fdp, a lone 'vision' "
        "'vision>prop').",
        f'note: next time quote it: --policy "{example}"; the file can go: rm '
        + " ".join((redirect.file, *redirect.leftovers)),
    ]
    return "\n".join(lines)


def _names_modalities(name: str) -> bool:
    return all(part in MODALITIES for part in _modalities(name).split("+"))


def _modalities(name: str) -> str:
    return name.partition("?")[0].partition("@")[0]


def _lone_order(policy: str) -> str:
    """The order of a policy string that a redirect may have cut: nothing stands behind it."""
    if any(mark in policy for mark in "@?>"):
        return ""
    return policy.partition(":")[2]
