"""The code cites sections of docs/design.md; each of them must be there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (ROOT / "fdp_bench", ROOT / "policies" / "fdp_policies", ROOT / "shifts" / "fdp_shifts")
CITATION = re.compile(r'docs/design\.md`{0,2},[\s#:]+"([^"]+)"')


def cited_sections():
    for package in PACKAGES:
        for path in package.rglob("*.py"):
            yield from CITATION.findall(path.read_text(encoding="utf-8"))


def test_every_section_that_the_code_cites_is_there():
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^#+ (.+)$", page, re.MULTILINE))
    cited = set(cited_sections())

    assert {"Words", "Determinism", "The lazy residual"} <= cited
    assert cited <= headings
