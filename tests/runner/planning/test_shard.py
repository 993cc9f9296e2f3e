"""How a run is cut into shards."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdp_bench.api import SpecError
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import plan_arms, plan_episodes, plan_retest
from fdp_bench.runner.planning.shard import Shard, plan_part
from fdp_bench.runner.run import begin_run
from fdp_bench.toy import TOY_TASK


def plan(*, policies=2, shifts=2, episodes=25, retest=0.0):
    config = RunConfig(
        task="toy",
        policies=("base", "dp-dit", "fdp")[:policies],
        shifts=("blur@3", "noise@3", "jpeg@3")[:shifts],
        episodes=episodes,
        retest=retest,
    )
    return config, plan_arms(config, dict.fromkeys(config.policies, ""))


@given(
    policies=st.integers(1, 3),
    shifts=st.integers(0, 3),
    episodes=st.integers(1, 40),
    count=st.integers(1, 60),
)
def test_every_episode_is_in_one_shard_and_shards_are_balanced(policies, shifts, episodes, count):
    config, arms = plan(policies=policies, shifts=shifts, episodes=episodes)
    whole = plan_episodes(config, arms)
    count = min(count, len(whole))

    parts = [plan_part(config, arms, Shard(number, count))[0] for number in range(1, count + 1)]

    assert Counter(spec.id for part in parts for spec in part) == Counter(spec.id for spec in whole)
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    position = {spec.id: place for place, spec in enumerate(whole)}
    for part in parts:
        places = [position[spec.id] for spec in part]
        assert places == sorted(places)
    # A boundary splits one index at most, so at least all others have their pairs together.
    split = sum(len({spec.index for spec in part}) for part in parts) - episodes
    assert split <= count - 1


def test_a_retest_goes_with_its_episode():
    config, arms = plan(retest=0.4)
    whole = plan_retest(config, arms)

    parts = [plan_part(config, arms, Shard(number, 3)) for number in (1, 2, 3)]

    assert Counter(spec.id for _, again in parts for spec in again) == Counter(spec.id for spec in whole)
    for mine, again in parts:
        assert {spec.index for spec in again} <= {spec.index for spec in mine}
        assert again


@pytest.mark.parametrize("text", ["3", "0/4", "5/4", "1/0", "a/b", "-1/4", "1/4/2", "", "1.0/4"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(SpecError, match="shard"):
        Shard.parse(text)


def test_a_shard_reads_as_it_is_written():
    assert Shard.parse(str(Shard(3, 16))) == Shard.from_json(Shard(3, 16).to_json()) == Shard(3, 16)
    assert Shard.from_json({}) is None


def test_more_shards_than_episodes_are_refused():
    config, arms = plan(policies=1, shifts=0, episodes=4)

    with pytest.raises(SpecError, match="makes 5 parts of 4 episodes; make 4 at most"):
        plan_part(config, arms, Shard(1, 5))


def test_more_shards_than_episodes_are_refused_before_anything_is_started(tmp_path, fakes):
    config = RunConfig(task=TOY_TASK, policies=("blind",), shifts=("clean",), episodes=1)

    with pytest.raises(SpecError, match="makes 2 parts of 1 episode; make 1 at most"):
        begin_run(
            config, tmp_path / "run", name="test", command=[], progress=None, workers=1, shard=Shard(1, 2)
        )

    assert list(tmp_path.iterdir()) == []
