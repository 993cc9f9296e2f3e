import subprocess
import sys

import pytest

from fdp_bench.runner.rollout.environment import make_base
from fdp_bench.tasks import TASKS, describe


@pytest.mark.parametrize("task_id", TASKS)
def test_description_equals_what_the_environment_states(task_id: str) -> None:
    env = make_base(task_id)
    try:
        assert describe(task_id) == env.unwrapped.task_info  # type: ignore[attr-defined]
    finally:
        env.close()


def test_description_needs_no_simulator() -> None:
    code = (
        "import sys; from fdp_bench.tasks import describe; describe('fdp_bench/Lift-v1');"
        "print([name for name in ('mujoco', 'robosuite') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
