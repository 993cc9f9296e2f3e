"""Registers the tasks with Gymnasium as soon as Gymnasium is imported, and not before.

Gymnasium 1.0 dropped its plugin entry points, so a package must register its environments on import;
importing Gymnasium for that takes longer than all of ``fdp-bench --help`` may.
"""

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from fdp_bench.tasks import TASKS


def register_with_gymnasium() -> None:
    """Register the tasks now where Gymnasium is imported, otherwise right after it is."""
    if "gymnasium" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _AfterGymnasium())


def _register() -> None:
    from gymnasium.envs import registration

    for task in TASKS.values():
        if task.id not in registration.registry:
            registration.register(task.id, task.entry_point, kwargs={"task_id": task.id, **task.options})


class _AfterGymnasium(MetaPathFinder):
    """Finds Gymnasium as anybody would, once, and registers the tasks when its module has run."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "gymnasium":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        run_module = spec.loader.exec_module

        def run_and_register(module: ModuleType) -> None:
            run_module(module)
            _register()

        spec.loader.exec_module = run_and_register  # type: ignore[method-assign]
        return spec
