"""The picture of docs/explanation/architecture.md, drawn from the levels that test_architecture.py holds.

``python tests/architecture_picture.py`` writes it again; a new part of the host needs a line in `WORDS`.
"""

from html import escape
from pathlib import Path

from test_architecture import LAYERS

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "assets" / "architecture.svg"
#: Part of the host -> what it does, in a few words.
WORDS = {
    "cli": "one file per subcommand",
    "testing": "checks for plugin authors",
    "gate": "baseline, check, compare",
    "suites": "whole experiments",
    "calibration": "clean episodes for a guard",
    "diagnose": "what a policy depends on",
    "training": "training jobs side by side",
    "demos": "experts, demonstration files",
    "runner": "plan, rollout, workers",
    "report": "tables, plots, HTML page",
    "specs": "policy and shift strings",
    "tasks": "Gymnasium environments",
    "plugins": "finds entry points",
    "records": "manifest and episodes",
    "sim": "steps and renders MuJoCo",
    "toy": "a task without a simulator",
    "api": "what plugins import",
    "stats": "intervals and tests",
}
#: Packages beside the host -> what they hold.
BESIDE = {
    "fdp_policies": "networks, training, weights",
    "fdp_shifts": "one file per shift",
    "your plugin": "policy, shift or task",
}
#: Starts the program, and is left out.
HIDDEN = {"__main__"}
WIDTH, BOX_WIDTH, BOX_HEIGHT, GAP, MARGIN, LABEL = 984, 168, 50, 12, 16, 44
HOST_WIDTH = LABEL + 4 * (BOX_WIDTH + GAP)
STYLE = (
    "text{font-family:system-ui,sans-serif;font-size:12px;fill:#333}"
    ".name{font-weight:600;font-size:14px;fill:#111}.small{font-size:11px;fill:#555}"
    ".host{fill:#e8eaf6;stroke:#5c6bc0}.beside{fill:#fff3e0;stroke:#ef8f00}.band{fill:#f6f7fb}"
)


def box(x: float, y: float, name: str, words: str, kind: str) -> str:
    """A part with its name and what it does."""
    middle = x + BOX_WIDTH / 2
    return (
        f'<g><rect class="{kind}" x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text class="name" x="{middle:g}" y="{y + 21:g}" text-anchor="middle">{escape(name)}</text>'
        f'<text class="small" x="{middle:g}" y="{y + 38:g}" text-anchor="middle">{escape(words)}</text></g>'
    )


def picture() -> str:
    """The whole picture as SVG."""
    levels = [sorted(layer - HIDDEN, key=list(WORDS).index) for layer in LAYERS if layer - HIDDEN]
    top, step = 64, BOX_HEIGHT + 2 * GAP
    height = top + step * len(levels) + 30
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Packages and their levels"><style>{STYLE}</style>',
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#fff"/>',
        f'<text class="name" x="{MARGIN}" y="30">fdp_bench, the host</text>',
        f'<text class="small" x="{MARGIN}" y="48">A part imports only parts of lower levels.</text>',
    ]
    for row, level in enumerate(reversed(levels)):
        y, number = top + row * step, len(levels) - row
        drawn += [
            f'<rect class="band" x="{MARGIN}" y="{y}" width="{HOST_WIDTH}" height="{BOX_HEIGHT + GAP}" rx="6"/>',
            f'<text x="{MARGIN + LABEL / 2 - 4:g}" y="{y + 36}" text-anchor="middle">{number}</text>',
        ]
        drawn += [
            box(MARGIN + LABEL + place * (BOX_WIDTH + GAP), y + GAP / 2, part, WORDS[part], "host")
            for place, part in enumerate(level)
        ]
    x = MARGIN + HOST_WIDTH + GAP
    drawn += [
        f'<text class="name" x="{x}" y="30">Plugins</text>',
        f'<text class="small" x="{x}" y="48">found by entry points</text>',
    ]
    drawn += [
        box(x, top + GAP / 2 + row * step, name, words, "beside")
        for row, (name, words) in enumerate(BESIDE.items())
    ]
    note = (
        "They import fdp_bench.api",
        "and fdp_bench.sim; policies",
        "also fdp_bench.demos.dataset.",
        "The host never imports them.",
    )
    y = top + len(BESIDE) * step + 20
    drawn += [f'<text x="{x}" y="{y + 18 * line}">{words}</text>' for line, words in enumerate(note)]
    return "\n".join([*drawn, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
