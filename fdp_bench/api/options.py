"""Options of plugins: which ones there are, their defaults, and what they may be."""

from collections.abc import Mapping
from typing import Any

from fdp_bench.api.errors import FdpBenchError, nearest

#: Option name -> allowed values, the default first; or the default alone where the value is free.
OptionValues = Mapping[str, tuple[str, ...] | str]


def resolve_options(
    owner: str, known: OptionValues, given: Mapping[str, Any], error: type[FdpBenchError]
) -> dict[str, str]:
    """Check options and fill in the defaults.

    Args:
        owner: Whose options they are, for messages: ``"shift 'occlusion'"``.
        known: The plugin's options.
        given: Options as the user gave them, text or typed.
        error: What to raise.

    Returns:
        Option name -> value as text, for all known options.
    """
    resolved = {key: values if isinstance(values, str) else values[0] for key, values in known.items()}
    for key, value in given.items():
        if key not in resolved:
            hint = nearest(key, resolved) if resolved else "; it has none, leave it out"
            raise error(f"{owner} has no option {key!r}{hint}")
        allowed = known[key]
        if not isinstance(allowed, str) and str(value) not in allowed:
            raise error(f"option {key}={value!s} of {owner} is not known{nearest(str(value), allowed)}")
        resolved[key] = str(value)
    return resolved
