"""Extras of a distribution, such as ``fdp-bench[robosuite]``: what of one is not installed, and what installs it."""

import functools
import importlib.metadata
import sys
from dataclasses import dataclass

from fdp_bench.api.errors import NotInstalledError

DISTRIBUTION = "fdp-bench"
#: Extra that the package's own tasks need.
ROBOSUITE = "robosuite"
#: Packages whose other versions have another interface. Other versions of the rest are tried all the same;
#: `fdp-bench doctor` names them.
_ONLY_WITHIN_BOUNDS = ("robosuite",)


@dataclass(frozen=True)
class Need:
    """A package that a distribution requires.

    Attributes:
        name: The package.
        specifier: Versions that will do, for instance ``">=1.5.2,<1.6"``; empty for any.
        installed: The version that is installed; empty where it is not.
        is_met: Whether that version will do.
        is_exact: Whether a single version will do: another one moves numbers.
    """

    name: str
    specifier: str
    installed: str
    is_met: bool
    is_exact: bool

    @property
    def is_missing(self) -> bool:
        """Whether what needs the package is refused."""
        return not self.installed or (self.name in _ONLY_WITHIN_BOUNDS and not self.is_met)

    def __str__(self) -> str:
        """The package, and the version that is there in place of those that would do."""
        return f"{self.name}{self.specifier} ({self.installed} is installed)" if self.installed else self.name


def needs(extra: str = "", distribution: str = DISTRIBUTION) -> tuple[Need, ...]:
    """What a distribution requires, or what one of its extras requires beside that.

    Args:
        extra: Name of the extra; empty for the distribution itself.
        distribution: Name of the distribution.

    Raises:
        importlib.metadata.PackageNotFoundError: If the distribution itself is not installed.
    """
    return _needs_on(tuple(sys.path), extra, distribution)


@functools.lru_cache(maxsize=32)
def _needs_on(path: tuple[str, ...], extra: str, distribution: str) -> tuple[Need, ...]:
    # As with entry points, what is installed while a process runs, it need not see.
    from packaging.requirements import Requirement

    del path
    found: list[Need] = []
    for text in importlib.metadata.requires(distribution) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        is_always = marker is None or marker.evaluate({"extra": ""})
        is_extra = marker is not None and not is_always and marker.evaluate({"extra": extra})
        if not (is_extra if extra else is_always):
            continue
        if requirement.name == distribution:
            found += [need for inner in sorted(requirement.extras) for need in needs(inner, distribution)]
            continue
        try:
            installed = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            installed = ""
        specifier = requirement.specifier
        found.append(
            Need(
                requirement.name,
                str(specifier),
                installed,
                bool(installed) and specifier.contains(installed, prereleases=True),
                any(each.operator == "==" for each in specifier),
            )
        )
    return tuple(found)


def extras(distribution: str = DISTRIBUTION) -> tuple[str, ...]:
    """Names of a distribution's extras, sorted."""
    return tuple(sorted(importlib.metadata.metadata(distribution).get_all("Provides-Extra") or ()))


def missing(extra: str, distribution: str = DISTRIBUTION) -> list[Need]:
    """The packages of an extra that are not installed; empty where all are."""
    return [need for need in needs(extra, distribution) if need.is_missing]


def other_versions(extra: str, distribution: str = DISTRIBUTION) -> list[Need]:
    """Packages of an extra that are installed in another version than the single one that its numbers are made with."""
    return [
        need for need in needs(extra, distribution) if need.is_exact and need.installed and not need.is_met
    ]


def install_command(extra: str, distribution: str = DISTRIBUTION) -> str:
    """The command that installs an extra."""
    return f'pip install "{distribution}[{extra}]"'


def require_extra(what: str, extra: str, distribution: str = DISTRIBUTION) -> None:
    """Refuse what needs an extra that is not installed.

    Args:
        what: What needs it, for the message.
        extra: Name of the extra; empty for none.
        distribution: Distribution whose extra it is.

    Raises:
        NotInstalledError: In one line with the command that installs it.
    """
    if extra and (lacking := missing(extra, distribution)):
        raise NotInstalledError(
            f"{what} needs the extra {extra!r}, which is not installed (missing: {', '.join(map(str, lacking))}): "
            f"{install_command(extra, distribution)}"
        )
