"""How the installed packages differ from those that this version was tested with: the lock file, which is shipped."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from fdp_bench.cli._finding import OK, WARNING, Finding
from fdp_bench.extras import ROBOSUITE, missing

_PACKAGE = Path(__file__).parents[1]
#: Where the lock lies in an installed package, and in a checkout.
_FOLDERS = (_PACKAGE / "requirements", _PACKAGE.parent / "requirements")
LOCK_NAME = "lock-py311.txt"
#: Differences that are named; the rest is counted.
_SHOWN = 6


def check_tested() -> Iterator[Finding]:
    """Whether the packages are those of the lock; a warning where one differs that can move a published number."""
    text = next(
        (path.read_text(encoding="utf-8") for folder in _FOLDERS if (path := folder / LOCK_NAME).is_file()),
        "",
    )
    yield differences(locked_versions(text))


def locked_versions(lock: str) -> dict[str, str]:
    """Distribution -> the version that a lock file names."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", lock, re.MULTILINE))


def differences(tested: Mapping[str, str]) -> Finding:
    """What is installed in other versions than tested; what is not installed is somebody else's to find.

    Args:
        tested: Distribution -> version.
    """
    import importlib.metadata
    from contextlib import suppress

    from packaging.version import Version

    from fdp_bench.records.provenance import DISTRIBUTIONS

    same, other = 0, {}
    for name, version in tested.items():
        with suppress(importlib.metadata.PackageNotFoundError):
            installed = importlib.metadata.version(name)
            # A build's label, such as PyTorch's "+cpu", is no other version.
            if Version(installed).public == Version(version).public:
                same += 1
            else:
                other[name] = f"{name} {installed} (tested: {version})"
    if not other:
        return Finding(OK, "tested", f"{same} packages, all in the versions that were tested together")
    # The numbers that were published are those of the package's own tasks.
    decisive = [] if missing(ROBOSUITE) else [name for name in DISTRIBUTIONS if name in other]
    shown = [other[name] for name in (*decisive, *(name for name in other if name not in decisive))][:_SHOWN]
    more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
    text = f"{same} packages as tested together, {len(other)} in other versions: {', '.join(shown)}{more}"
    if not decisive:
        return Finding(OK, "tested", text)
    wanted = " ".join(f'"{name}=={tested[name]}"' for name in decisive)
    return Finding(WARNING, "tested", f"{text}; numbers may differ", f"pip install {wanted}")
