"""Run episodes in this process, as a worker would."""

from fdp_bench.api import EpisodeSpec
from fdp_bench.runner.rollout.batched_policy import BatchedPolicy
from fdp_bench.runner.rollout.episode import PicturePaths
from fdp_bench.runner.rollout.lane import Lane
from fdp_bench.runner.rollout.preflight import build_policy
from fdp_bench.runner.rollout.rollout import Rollout
from fdp_bench.specs import parse_policy, parse_shifts
from fdp_bench.toy import TOY_TASK


def specs(count, *, task=TOY_TASK, policy="watcher", shift="clean", seed=0):
    parsed = parse_shifts(shift)
    severity = parsed[0].severity if parsed else 0.0
    return [EpisodeSpec(task, policy, "", shift, severity, index, seed) for index in range(count)]


def roll_out(episodes, *, lanes=4, pictures=PicturePaths):
    """Records by (policy, shift, index), and the lanes."""
    places = [Lane(episodes[0].task, "fast") for _ in range(lanes)]
    policies = []

    def load(spec):
        policy = build_policy(parse_policy(spec.policy), places[0].task, "cpu")
        policies.append(policy)
        return BatchedPolicy(policy, places[0].task, 4)

    rollout = Rollout(places, load, lambda spec: pictures())
    rollout.add(episodes)
    records = []
    while not rollout.is_idle:
        records += rollout.round()
    return {(record.spec.policy, record.spec.shift, record.spec.index): record for record in records}, places


def comparable(records):
    return {key: record.comparable() for key, record in records.items()}
