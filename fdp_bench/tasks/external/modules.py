"""Which module an id may have imported: one that is installed, or, where a person typed the id, of the working folder.

Ids come from manifests, baselines, suites and maps, too, which may be anybody's, and so may be the modules beside them.
"""

import importlib.util
import sys
from contextlib import suppress
from pathlib import Path

from fdp_bench.api.errors import SpecError
from fdp_bench.tasks.external.registry import find_map


def search_here_for(task_id: str) -> None:
    """Let the module of a task that a person asked for lie in the working folder, for this process and its children.

    Args:
        task_id: What `fdp_bench.tasks.resolve_task` returns.
    """
    module, here = _module_of(_environment_of(task_id)), str(Path.cwd())
    if module and here not in sys.path and _lies_here(module) and not _is_found(module):
        sys.path.append(here)


def check_module(task_id: str, name: str) -> None:
    """Refuse modules of Python itself, some of which act when they are imported, and those that nobody asked for.

    Args:
        task_id: The task, for messages.
        name: Gymnasium id of its environment.

    Raises:
        SpecError: If its module is one.
    """
    module = _module_of(name)
    if module in sys.stdlib_module_names:
        raise SpecError(f"task {task_id!r} names a module of Python itself, which holds no environment")
    if module and _lies_here(module) and not _is_found(module):
        raise SpecError(
            f"task {task_id!r}: its module {module!r} lies in the working folder, where only --task has one looked "
            "for, since files may be a stranger's; install it, or begin the command with PYTHONPATH=."
        )


def is_installed(name: str) -> bool:
    """Whether the module that a Gymnasium id of an environment names is installed; nothing is imported for it."""
    return _is_found(_module_of(name))


def _environment_of(task_id: str) -> str:
    task_map = find_map(task_id)
    return task_map.environment if task_map else task_id


def _module_of(name: str) -> str:
    module, colon, _ = name.partition(":")
    return module.partition(".")[0] if colon else ""


def _lies_here(module: str) -> bool:
    with suppress(OSError, ValueError):
        return Path(f"{module}.py").is_file() or Path(module).is_dir()
    return False


def _is_found(module: str) -> bool:
    if module in sys.modules:
        return True
    with suppress(ImportError, ValueError):
        return importlib.util.find_spec(module) is not None
    return False
