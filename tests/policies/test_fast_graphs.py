"""CUDA graphs: what happens without them anywhere, and with them on a GPU."""

import contextlib

import pytest
import torch
from fdp_policies.diffusion import NoiseSchedule
from fdp_policies.dp_dit import JointDiffusionPolicy
from fdp_policies.fast.graphs import GraphReplay, exact_float32
from fdp_policies.fdp import FactorizedDiffusionPolicy

from fdp_bench.api import PolicySpec
from fdp_bench.runner.rollout.latency import plausible_observation
from fdp_bench.tasks import describe

CPU = torch.device("cpu")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def gentle_schedule(config):
    schedule = NoiseSchedule(config)
    schedule.alphas_cumprod.clamp_(min=0.02)
    return schedule


def double(inputs):
    return 2 * inputs["x"]


class FakeGraph:
    """Replays nothing: the output stays what the recorded call left, as a stale buffer would."""

    replays = 0

    def replay(self):
        FakeGraph.replays += 1


@pytest.fixture
def pretended_cuda(monkeypatch):
    """The parts of `torch.cuda` that a recording touches, doing nothing."""

    class Stream:
        def wait_stream(self, other):
            pass

    monkeypatch.setattr(FakeGraph, "replays", 0)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    for name in ("device", "stream", "graph"):
        monkeypatch.setattr(torch.cuda, name, lambda _: contextlib.nullcontext())


@pytest.mark.usefixtures("pretended_cuda")
def test_where_nothing_can_be_recorded_it_warns_once_and_computes_all_the_same(monkeypatch):
    def refuse(_):
        raise RuntimeError("operation not permitted when stream is capturing\nand a long story")

    monkeypatch.setattr(torch.cuda, "graph", refuse)
    replay = GraphReplay(double, CPU)
    with pytest.warns(RuntimeWarning, match=r"no CUDA graph could be recorded \(operation not permitted"):
        assert torch.equal(replay({"x": torch.tensor([1.0])}), torch.tensor([2.0]))
    assert torch.equal(replay({"x": torch.tensor([3.0])}), torch.tensor([6.0]))
    assert FakeGraph.replays == 0


@pytest.mark.usefixtures("pretended_cuda")
def test_each_shape_is_recorded_once_and_then_replayed_on_its_own_buffers():
    calls = []

    def noted(inputs):
        calls.append(inputs["x"])
        return double(inputs)

    replay = GraphReplay(noted, CPU)
    given = torch.tensor([1.0])
    for _ in range(3):
        replay({"x": given})
    recorded = len(calls)
    assert FakeGraph.replays == 3
    replay({"x": torch.tensor([5.0])})
    assert len(calls) == recorded
    # The buffers are the recording's own, and hold what was given last.
    assert calls[-1] is not given
    assert calls[-1].item() == 5.0
    replay({"x": torch.zeros(2)})
    assert len(calls) == 2 * recorded


@pytest.mark.usefixtures("pretended_cuda")
def test_results_are_the_callers_own():
    replay = GraphReplay(double, CPU)
    first, second = replay({"x": torch.tensor([1.0])}), replay({"x": torch.tensor([1.0])})
    first.zero_()
    assert second.item() == 2.0


@pytest.mark.usefixtures("pretended_cuda")
def test_only_so_many_shapes_stay_recorded():
    replay = GraphReplay(double, CPU)
    for size in range(1, 30):
        replay({"x": torch.zeros(size)})
    assert len(replay._recordings) == 8


def test_on_a_cpu_float32_is_exact_anyway():
    before = torch.backends.cudnn.allow_tf32
    with exact_float32(CPU):
        assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("rows", [1, 8])
@pytest.mark.parametrize("kind", [JointDiffusionPolicy, FactorizedDiffusionPolicy])
def test_a_gpus_graph_equals_the_plain_composition_there(kind, rows, recwarn, monkeypatch):
    # A schedule that begins with some signal left: the real one's first step may turn roundings into 1e-4.
    monkeypatch.setattr("fdp_policies.acting.chunk_sampler.NoiseSchedule", gentle_schedule)
    task = describe("fdp_bench/Lift-v1")
    spec = PolicySpec("dp-dit") if kind is JointDiffusionPolicy else PolicySpec("fdp", "prop>vision")
    policy = kind(spec, task, device="cuda")
    observation = plausible_observation(policy, task, rows)
    noise = torch.randn(rows, *policy.noise_shape, generator=torch.Generator().manual_seed(rows)).numpy()
    first = policy.act(observation, noise)
    again = policy.act(observation, noise)
    assert (first == again).all()
    assert abs(first - policy._sampler.act_plainly(observation, noise)).max() < 1e-5
    other = policy.act(observation, -noise)
    assert abs(other - policy._sampler.act_plainly(observation, -noise)).max() < 1e-5
    assert not [warning for warning in recwarn if "CUDA graph" in str(warning.message)]


@pytest.mark.gpu
@needs_gpu
def test_on_a_gpu_tf32_is_off_while_a_chunk_is_sampled():
    with exact_float32(torch.device("cuda")):
        assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.deterministic
