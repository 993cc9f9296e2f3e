"""Fails a strict build whose pages load anything from elsewhere: scripts, styles, fonts, pictures or frames."""

import logging
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

LOADS = (
    re.compile(
        r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\bsrc=[\"']?(?:https?:)?//[^\"'\s>]+",
        re.IGNORECASE,
    ),
    re.compile(
        r"<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|preload|preconnect|icon|dns-prefetch))[^>]*\bhref=[\"']?(?:https?:)?//[^>]+",
        re.IGNORECASE,
    ),
    re.compile(r"(?:@import\s+[\"']|url\([\"']?)(?:https?:)?//[^)\"'\s]+", re.IGNORECASE),
)
log = logging.getLogger("mkdocs.hooks.offline_check")


def on_post_build(config: MkDocsConfig) -> None:
    """Warn of every such load in what was built, the copied reports included."""
    site = Path(config.site_dir)
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".css"):
            for found in external_loads(path.read_text(encoding="utf-8")):
                log.warning("%s loads from elsewhere: %s", path.relative_to(site), found)


def external_loads(text: str) -> list[str]:
    """What a page or a style sheet loads over the network."""
    return [match[0][:160] for pattern in LOADS for match in pattern.finditer(text)]
