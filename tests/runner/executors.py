"""Runs on every executor, for tests that hold for all of them; and a small Ray cluster on this machine."""

import importlib.util
import os
import secrets
import signal
import socket
from contextlib import contextmanager, suppress

import pytest

from fdp_bench.runner.config import ExecutorSpec
from fdp_bench.runner.interrupts import RunInterruptedError
from fdp_bench.runner.merge import merge_runs
from fdp_bench.runner.planning.shard import Shard
from fdp_bench.runner.run import begin_run, resume_run

#: Name -> (executor, workers, shards).
EXECUTORS = {
    "one process": ("local", 1, 1),
    "processes": ("local", 2, 1),
    "shards": ("local", 1, 2),
    "ray": ("ray", 2, 1),
}
HAS_RAY = importlib.util.find_spec("ray") is not None
#: Memory of a node's object store, bytes; the least that Ray takes. Nothing lies in it.
_STORE_BYTES = 80 * 2**20


def quiet(run_info):
    """Takes the place of a progress bar."""
    del run_info
    return lambda record: None


def run_on(name, config, out, *, progress=quiet):
    """Run a configuration on an executor, into a folder; shards lie beside it. What is interrupted is not resumed.

    Raises:
        RunInterruptedError: If `progress` interrupts it.
    """
    kind, workers, shards = EXECUTORS[name]
    facts = {"name": "test", "command": ["fdp-bench", "run"], "workers": workers, "progress": progress}
    facts["executor"] = ExecutorSpec.parse(kind)
    if shards == 1:
        return begin_run(config, out, **facts)
    for number in range(1, shards + 1):
        begin_run(config, _part(out, number), shard=Shard(number, shards), **facts)
    return _merged(name, out)


def finish_on(name, config, out):
    """Finish what `run_on` left when it was interrupted."""
    kind, workers, shards = EXECUTORS[name]
    facts = {"command": ["fdp-bench", "run", "--resume"], "workers": workers, "progress": quiet}
    facts["executor"] = ExecutorSpec.parse(kind)
    if shards == 1:
        return resume_run(out, lanes=None, **facts)
    for number in range(1, shards + 1):
        part = _part(out, number)
        if part.exists():
            resume_run(part, lanes=None, **facts)
        else:
            begin_run(config, part, name="test", shard=Shard(number, shards), **facts)
    return _merged(name, out)


def records_left(name, out):
    """Records of a run that was interrupted."""
    from fdp_bench.records import RunStore

    parts = [out] if EXECUTORS[name][2] == 1 else sorted(out.parent.glob(f"{out.name}-*"))
    return [record for part in parts for record in RunStore.open(part).records()]


def incidents_of(store):
    return [incident for entry in store.manifest().invocations for incident in entry.get("incidents", ())]


def _part(out, number):
    return out.with_name(f"{out.name}-{number}")


def _merged(name, out):
    shards = EXECUTORS[name][2]
    return merge_runs([_part(out, number) for number in range(1, shards + 1)], out).store


@contextmanager
def ray_cluster(nodes, *paths):
    """A cluster on this machine that `--executor ray` finds: a head without processors, and nodes with one each.

    Args:
        nodes: Number of nodes beside the head.
        paths: What workers find modules and plugins in.

    Yields:
        The cluster and its nodes.
    """
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, paths)))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # A busy machine is slow, not broken.
        patch.setenv("RAY_raylet_start_wait_time_s", "600")
        patch.setenv("RAY_agent_register_timeout_ms", "600000")
        on_sigterm = signal.getsignal(signal.SIGTERM)
        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                **_ports(),
                "num_cpus": 0,
                "include_dashboard": False,
                "object_store_memory": _STORE_BYTES,
            },
        )
        try:
            added = [
                cluster.add_node(num_cpus=1, **_ports(), object_store_memory=_STORE_BYTES)
                for _ in range(nodes)
            ]
            cluster.wait_for_nodes()
            # Nodes that a program starts have it end on SIGTERM in their own way; a user's are started by `ray start`.
            signal.signal(signal.SIGTERM, on_sigterm)
            patch.setenv("RAY_ADDRESS", cluster.address)
            yield cluster, added
        finally:
            cluster.shutdown()


def _ports():
    """Free ports of a node's agents: where agents choose theirs, a node waits no longer than half a minute for them.

    Above those of Ray's workers, and below those that the system gives to whoever asks for any.
    """
    names = (
        "metrics_agent_port",
        "metrics_export_port",
        "runtime_env_agent_port",
        "dashboard_agent_listen_port",
    )
    ports = {}
    while len(ports) < len(names):
        port = secrets.choice(range(20_000, 32_000))
        with socket.socket() as free, suppress(OSError):
            free.bind(("", port))
            ports[port] = names[len(ports)]
    return {name: port for port, name in ports.items()}


__all__ = [
    "EXECUTORS",
    "HAS_RAY",
    "RunInterruptedError",
    "finish_on",
    "incidents_of",
    "quiet",
    "ray_cluster",
    "records_left",
    "run_on",
]
