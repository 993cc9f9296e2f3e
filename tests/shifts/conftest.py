import gymnasium
import pytest

import fdp_bench.tasks  # noqa: F401  registers the tasks
from fdp_bench.toy import TOY_TASK


@pytest.fixture(scope="session")
def lift():
    """One Lift environment for all tests of a process: its reset is exact whatever came before."""
    env = gymnasium.make("fdp_bench/Lift-v1", disable_env_checker=True)
    yield env
    env.close()


@pytest.fixture(scope="session")
def wide():
    env = gymnasium.make("fdp_bench/LiftWide-v1", disable_env_checker=True)
    yield env
    env.close()


@pytest.fixture
def toy():
    return gymnasium.make(TOY_TASK, disable_env_checker=True)
