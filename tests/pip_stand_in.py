"""Stands in for pip where the tests run the commands of a page: nothing is downloaded.

A folder with a pyproject.toml of its own is really installed, into the folder named first. Of this project, ``.`` where
there is no such file, the extras must exist. Anything else must be installed already.
"""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def install(requirement: str, site: str) -> None:
    """Install one requirement, or check that pip could."""
    name, _, extras = requirement.rstrip("]").partition("[")
    if name == "." and Path("pyproject.toml").exists():
        options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", site)
        subprocess.run([sys.executable, "-m", "pip", "install", *options, "."], check=True)
    elif name in (".", "fdp-bench"):
        known = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
        missing = {extra for extra in extras.split(",") if extra} - known.keys()
        if missing:
            raise SystemExit(f"{PROJECT} has no extras {missing}")
    else:
        distribution(re.split(r"[<>=!~]", name)[0])


if __name__ == "__main__":
    site_folder, action, *requirements = sys.argv[1:]
    if action != "install" or not requirements:
        raise SystemExit(f"a page may only say 'pip install', not 'pip {action}'")
    for each in requirements:
        install(each, site_folder)
