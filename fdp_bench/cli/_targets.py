"""Where a command is to write, looked at before minutes of work whose outcome could not be written after them."""

from pathlib import Path

from fdp_bench.api.errors import RunError
from fdp_bench.api.files import is_writable


def check_file(path: Path | None, option: str) -> None:
    """Refuse what cannot become a file; None is not asked for.

    Raises:
        RunError: If it is a folder, or its folder cannot be written.
    """
    if path is None:
        return
    if path.is_dir():
        raise RunError(f"{option} {path} is a folder; name a file in it")
    _check_place(path.parent, path, option)


def check_folder(path: Path | None, option: str) -> None:
    """Refuse what cannot become a folder, or be written into; None is not asked for.

    Raises:
        RunError: If it is a file, or cannot be written.
    """
    if path is None:
        return
    if path.exists() and not path.is_dir():
        raise RunError(f"{option} {path} is a file; name a folder")
    _check_place(path, path, option)


def _check_place(folder: Path, path: Path, option: str) -> None:
    if not is_writable(folder):
        raise RunError(
            f"{option} {path} cannot be written: {folder} is no folder that you may write; choose another"
        )
