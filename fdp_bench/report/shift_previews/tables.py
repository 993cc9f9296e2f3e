"""The tables of docs/reference/shifts.md: physical parameters at each level, and measured effects on each task."""

import re
from collections.abc import Iterable, Mapping, Sequence

from fdp_bench.api import LEVELS, Shift, SpecError
from fdp_bench.report.shift_previews.effects import Effect

#: Names of the places in a page that tables go to, between ``<!-- NAME -->`` and ``<!-- end of NAME -->``.
PARAMETERS, EFFECTS = "shift parameters", "shift effects"
_LEVELS = tuple(range(1, LEVELS + 1))
#: Attribute of `Effect`, its name in tables, how it is written.
_MEASURES = (
    ("pixel_change", "pixel change", "{:.1f}"),
    ("target_hidden", "target hidden", "{:.0%}"),
    ("gripper_hidden", "gripper hidden", "{:.0%}"),
    ("reading_change", "reading change", "{:.3g}"),
)


def variants(kind: type[Shift]) -> tuple[str, ...]:
    """A shift's name with each choice of options that it shows, for instance ``"occlusion?kind=camera"``."""
    texts = []
    for chosen in kind.shown_options:
        options = "&".join(f"{key}={chosen[key]}" for key in sorted(chosen))
        texts.append(kind.name + (f"?{options}" if options else ""))
    return tuple(texts)


def parameter_table(kinds: Iterable[type[Shift]]) -> str:
    """The physical parameters in Markdown: a row a parameter, a column a level.

    Parameters that do not depend on the level are left out.
    """
    rows = []
    for kind in kinds:
        for text, chosen in zip(variants(kind), kind.shown_options, strict=True):
            options = kind._resolve_options(chosen)
            at_levels = [kind.parameters_at(level / LEVELS, options) for level in _LEVELS]
            for parameter in at_levels[0]:
                values = [values[parameter] for values in at_levels]
                if len(set(values)) > 1:
                    rows.append([f"`{text}`", parameter, *values])
    return _markdown(["shift", "parameter"], rows)


def effect_tables(effects: Mapping[tuple[str, str], Sequence[Effect]]) -> str:
    """Measured effects in Markdown: a table a task, folded away but for the first one's.

    Args:
        effects: (shift with options, task's short name) -> an effect for each level. An empty sequence stands for a
            task that has not what the shift alters, and is left out.
    """
    rows: dict[str, list[list[str]]] = {}
    for (shift, task), of_levels in effects.items():
        for measure, name, pattern in _MEASURES:
            values = [getattr(effect, measure) for effect in of_levels]
            # What a shift never hides needs no row.
            if any(value for value in values if value is not None):
                shown = ["-" if value is None else pattern.format(value) for value in values]
                rows.setdefault(task, []).append([f"`{shift}`", name, *shown])
    tables: list[str] = []
    for task, of_task in rows.items():
        opened = "" if tables else " open"
        table = _markdown(["shift", "measured"], of_task)
        # Markdown inside HTML is read as such only between empty lines.
        tables.append(f'<details markdown="1"{opened}>\n<summary>{task}</summary>\n\n{table}\n\n</details>')
    return "\n\n".join(tables)


def fill(page: str, name: str, table: str) -> str:
    """Put a table into its place in a page.

    Raises:
        SpecError: If the page has no such place.
    """
    between(page, name)
    return _place(name).sub(lambda found: f"{found[1]}\n\n{table}\n\n{found[3]}", page, count=1)


def between(page: str, name: str) -> str:
    """The table that stands at its place in a page.

    Raises:
        SpecError: If the page has no such place.
    """
    found = _place(name).search(page)
    if found is None:
        raise SpecError(
            f"the page has no place for a table: write the lines <!-- {name} --> and <!-- end of {name} -->"
        )
    return found[2].strip()


def _place(name: str) -> re.Pattern[str]:
    return re.compile(
        rf"^(<!-- {re.escape(name)}(?: [^\n]*)? -->)$(.*?)^(<!-- end of {re.escape(name)} -->)$",
        re.DOTALL | re.MULTILINE,
    )


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    columns = [*head, *(f"level {level}" for level in _LEVELS)]
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
