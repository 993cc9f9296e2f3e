"""Which executor a string means, and what is refused."""

import importlib.util

import pytest

from fdp_bench.api import RunError, SpecError
from fdp_bench.runner.config import ExecutorSpec
from fdp_bench.runner.executor import make_executor
from fdp_bench.runner.processes.messages import WorkerSettings

SETTINGS = WorkerSettings("toy", "fast", "cpu", 4, 4)


@pytest.mark.parametrize(
    ("text", "kind", "address"),
    [("local", "local", ""), ("ray", "ray", ""), ("ray://head:10001", "ray", "ray://head:10001")],
)
def test_an_executor_is_named_with_its_address(text, kind, address):
    assert ExecutorSpec.parse(text) == ExecutorSpec(kind, address)


@pytest.mark.parametrize("text", ["", "Ray", "ray:", "ray://", "local://x", "slurm"])
def test_an_unknown_executor_is_refused(text):
    with pytest.raises(SpecError, match="is not known"):
        ExecutorSpec.parse(text)


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5, float("nan")])
def test_gpus_of_a_worker_are_a_share_of_one_or_whole(share):
    with pytest.raises(SpecError, match=r"--worker-gpus .* must be a share of one GPU"):
        ExecutorSpec.parse("ray", share)
    assert ExecutorSpec.parse("ray", 0.25).worker_gpus == 0.25
    assert ExecutorSpec.parse("ray", 2.0).worker_gpus == 2.0


def test_gpus_of_a_worker_mean_nothing_here():
    with pytest.raises(SpecError, match="means nothing without --executor ray"):
        ExecutorSpec.parse("local", 0.5)


def test_shared_memory_is_refused_on_a_cluster():
    with pytest.raises(SpecError, match="machines of a cluster cannot"):
        make_executor(ExecutorSpec("ray"), SETTINGS, "shared", None)


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_a_missing_ray_is_said_with_the_command_that_installs_it():
    with pytest.raises(RunError, match=r'pip install "fdp-bench\[ray\]"'):
        make_executor(ExecutorSpec("ray"), SETTINGS, None, None)
