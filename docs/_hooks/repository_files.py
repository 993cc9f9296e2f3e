"""Publishes files of the repository that pages link to, so that links work in the repository and on the site alike.

A page links by relative path, as Markdown in a repository does: ``../../results/robustness/report.html``. Files outside
``docs/`` are copied to ``repository/`` of the site. Markdown among them becomes a page there; the search leaves it out.
`ROOT_PAGES` have a place of their own. A link that leads to no file is left as it is, and MkDocs warns.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
COPIES = "repository"
#: Files at the repository's root that are pages of the site -> their place.
ROOT_PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the root's pages, and every file that a page links to."""
    for name, place in ROOT_PAGES.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / name)))
    waiting = [
        Path(str(file.abs_src_path)) for file in files if file.src_uri.endswith(".md") and file.abs_src_path
    ]
    while waiting:
        for target in linked_files(waiting.pop()):
            place = site_path(target)
            if place.startswith(f"{COPIES}/") and place not in files.src_uris:
                files.append(File.generated(config, place, abs_src_path=str(target)))
                waiting += [target] if target.suffix == ".md" else []
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point relative links at where their files are on the site."""
    del config, files
    if page.file.abs_src_path is None:
        return markdown
    if page.file.src_uri.startswith(f"{COPIES}/"):
        page.meta["search"] = {"exclude": True}
    source, here = Path(page.file.abs_src_path), posixpath.dirname(page.file.src_uri)

    def moved(match: re.Match[str]) -> str:
        target = resolved(source, match[2])
        return (
            match[0]
            if target is None
            else f"{match[1]}{posixpath.relpath(site_path(target), here)}{match[3]}"
        )

    return LINK.sub(moved, markdown)


def linked_files(page: Path) -> Iterator[Path]:
    """Files of the repository that a page links to."""
    for match in LINK.finditer(page.read_text(encoding="utf-8")):
        target = resolved(page, match[2])
        if target is not None:
            yield target


def resolved(page: Path, link: str) -> Path | None:
    """The file that a relative link of a page leads to; None if there is none in the repository."""
    target = Path(posixpath.normpath(page.parent / link))
    return target if target.is_file() and target.is_relative_to(ROOT) else None


def site_path(target: Path) -> str:
    """Where a file of the repository is on the site, relative to the site's root."""
    path = target.relative_to(ROOT).as_posix()
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return ROOT_PAGES.get(path) or f"{COPIES}/{path}"
