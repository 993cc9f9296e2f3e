"""Runs that grow."""

from dataclasses import replace

import pytest

from fdp_bench.api import EpisodeRecord, RunError
from fdp_bench.records import Manifest, RunStore
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.extend import extend_run
from fdp_bench.runner.planning.plan import Arm, plan_arms, plan_episodes
from fdp_bench.runner.rollout.preflight import ResolvedPolicy

CONFIG = RunConfig(task="fdp_bench/Lift-v1", policies=("dp-dit",), shifts=("color@1",), episodes=2)
HASHES = {"dp-dit": "aa", "base:prop": "bb"}


def resolved(config):
    card = {"train_demos": 10, "train_seed": 1}
    return [ResolvedPolicy(policy, HASHES[policy], "bundled", card) for policy in config.policies]


@pytest.fixture
def store(tmp_path):
    """A finished run of two arms and four episodes."""
    arms = plan_arms(CONFIG, HASHES)
    manifest = Manifest(
        name="small",
        status="complete",
        created="2026-01-31T12:00:00+00:00",
        config=CONFIG.to_json(),
        episodes_planned=4,
        arms=[arm.to_json() for arm in arms],
        policies=[{"spec": "dp-dit", "sha256": "aa", "card": {}}],
    )
    store = RunStore.create(tmp_path / "run", manifest)
    with store.writer() as append:
        for spec in plan_episodes(CONFIG, arms):
            append(EpisodeRecord(spec, "ok", True, True, 3))
    return store


def planned(store):
    manifest = store.manifest()
    arms = [Arm(**arm) for arm in manifest.arms]
    return plan_episodes(RunConfig.from_json(manifest.config), arms)


def test_the_same_request_leaves_a_finished_run_as_it_is(store):
    before = store.manifest()

    assert extend_run(store, CONFIG, resolved(CONFIG)) == 0
    assert store.manifest() == before


def test_more_of_everything_is_planned_beside_what_is_there(store):
    larger = replace(CONFIG, policies=("base:prop", "dp-dit"), shifts=("color@1", "occlusion@2"), episodes=3)

    missing = extend_run(store, larger, resolved(larger))

    episodes = planned(store)
    assert missing == len(episodes) - 4 == 2 * 3 * 3 - 4
    assert {record.spec.id for record in store.records()} < {spec.id for spec in episodes}
    manifest = store.manifest()
    assert manifest.episodes_planned == len(episodes)
    assert manifest.status == "interrupted"
    assert len({arm["slug"] for arm in manifest.arms}) == 6
    assert manifest.trainings()["bb"].demos == 10
    policies = [arm["policy"] for arm in manifest.arms]
    assert policies == sorted(policies, key=policies.index)


def test_fewer_episodes_leave_a_run_as_it_is(store):
    smaller = replace(CONFIG, shifts=(), episodes=1)

    assert extend_run(store, smaller, resolved(smaller)) == 0
    assert len(planned(store)) == 4


@pytest.mark.parametrize("change", [{"seed": 1}, {"task": "fdp_bench/LiftWide-v1"}, {"profile": "reference"}])
def test_other_episodes_do_not_join_a_run(store, change):
    before = store.manifest()

    with pytest.raises(RunError, match=f"has {next(iter(change))} .* start a new one"):
        extend_run(store, replace(CONFIG, **change), resolved(CONFIG))
    assert store.manifest() == before


def test_how_it_is_run_does_not_matter(store):
    assert extend_run(store, replace(CONFIG, workers=7, lanes=1, videos=2), resolved(CONFIG)) == 0
