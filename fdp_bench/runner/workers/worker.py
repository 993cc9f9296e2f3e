"""A worker process: it builds environments and policies, runs the episodes it is sent, and sends records back."""

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fdp_bench.api.episode import EpisodeSpec
from fdp_bench.runner.inference_server.client import RemotePolicies
from fdp_bench.runner.inference_server.server import SharedSlots
from fdp_bench.runner.processes.messages import (
    Beat,
    Failure,
    PicturePlan,
    Started,
    TimesRequest,
    WorkerSettings,
)
from fdp_bench.runner.rollout.batched_policy import AskedPolicy, BatchedPolicy
from fdp_bench.runner.rollout.episode import PicturePaths
from fdp_bench.runner.rollout.lane import Lane
from fdp_bench.runner.rollout.plugin_calls import exit_if_forked
from fdp_bench.runner.rollout.preflight import PreflightRequest, build_policy, check
from fdp_bench.runner.rollout.rollout import Rollout
from fdp_bench.runner.rollout.timing import Stopwatch
from fdp_bench.sim.memory import release_build_memory
from fdp_bench.specs import parse_policy
from fdp_bench.tasks.external.registry import remember_data

#: Policies that a worker keeps loaded.
_POLICIES_HELD = 4
#: Seconds without a message after which a worker says that it is alive.
_BEAT_S = 1.0


class Worker:
    """Serves one connection.

    Messages in: `PreflightRequest`, `SharedSlots`, `PicturePlan`, tuples of episodes, `TimesRequest`, None to stop.
    """

    def __init__(
        self, connection: Connection, settings: WorkerSettings, started: float, server: Connection | None
    ) -> None:
        self._connection, self._server = connection, server
        self._pid, self._folder = os.getpid(), Path.cwd()
        self._remote: RemotePolicies | None = None
        self._settings = settings
        self._watch = watch = Stopwatch(started)
        self._lanes = [Lane(settings.task, settings.profile, watch) for _ in range(settings.lanes)]
        self._policies: OrderedDict[tuple[str, str], BatchedPolicy] = OrderedDict()
        self._pictures: Callable[[EpisodeSpec], PicturePaths] = lambda _: PicturePaths()
        self._rollout = Rollout(
            self._lanes,
            self._policy,
            lambda spec: self._pictures(spec),
            watch,
            on_start=lambda spec: self._send(Started(spec.id)),
        )
        self._spoke_at = started

    def serve(self) -> None:
        """Work until told to stop."""
        while True:
            exit_if_forked(self._pid)
            while self._rollout.is_idle or self._connection.poll():
                with self._watch.phase("idle"):
                    message = self._connection.recv()
                if message is None:
                    return
                self._take(message)
            self._watch.enter("other")
            self._restore_cwd()
            for record in self._rollout.round():
                self._send(record)
            if time.monotonic() - self._spoke_at >= _BEAT_S:
                self._send(Beat())

    def close(self) -> None:
        """Close the environments."""
        for lane in self._lanes:
            lane.close()
        if self._remote is not None:
            self._remote.close()

    def _send(self, message: Any) -> None:
        exit_if_forked(self._pid)
        self._connection.send(message)
        self._spoke_at = time.monotonic()

    def _restore_cwd(self) -> None:
        """Paths of weights and pictures may be relative, and a plugin may have gone elsewhere."""
        with suppress(OSError):
            os.chdir(self._folder)

    def _take(self, message: Any) -> None:
        if isinstance(message, PreflightRequest):
            self._send(check(self._lanes[0], message, lambda what: self._send(Beat(what))))
            self._build_environments()
        elif isinstance(message, SharedSlots):
            assert self._server is not None
            self._remote = RemotePolicies(self._server, message, len(self._lanes))
        elif isinstance(message, TimesRequest):
            self._connection.send(self._watch.seconds())
        elif isinstance(message, PicturePlan):
            self._pictures = message.paths
        else:
            self._rollout.add(message)

    def _build_environments(self) -> None:
        for lane in self._lanes:
            _ = lane.base
        release_build_memory()

    def _policy(self, spec: EpisodeSpec) -> AskedPolicy:
        if self._remote is not None:
            return self._remote.policy(spec)
        key = (spec.policy, spec.checkpoint)
        if key not in self._policies:
            task = self._lanes[0].task
            policy = build_policy(parse_policy(spec.policy), task, self._settings.device)
            self._policies[key] = BatchedPolicy(
                policy, task, self._settings.batch_rows, self._settings.act_timeout_s
            )
            if len(self._policies) > _POLICIES_HELD:
                self._policies.popitem(last=False)
        self._policies.move_to_end(key)
        return self._policies[key]


def work(connection: Connection, settings: WorkerSettings, started: float, server: Connection | None) -> None:
    """Entry point of a worker process.

    Args:
        connection: To the parent.
        settings: Settings that every worker gets.
        started: When the parent started the process, by `time.monotonic`.
        server: To the inference process; None where the worker asks policies of its own.
    """
    worker, pid = Worker(connection, settings, started, server), os.getpid()
    try:
        remember_data(settings.task_map, f"of {settings.task!r}")
        worker.serve()
        worker.close()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # The parent is gone: nobody is left to tell.
    except BaseException as error:
        # A plugin's Ctrl-C is no user's: none reaches this process.
        exit_if_forked(pid)
        connection.send(Failure.of(error))
    finally:
        connection.close()
