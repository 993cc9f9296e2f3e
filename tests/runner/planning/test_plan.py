from collections import Counter
from dataclasses import replace

from fdp_bench.api import Training
from fdp_bench.runner.config import RunConfig
from fdp_bench.runner.planning.plan import BLOCK, plan_arms, plan_chunks, plan_episodes

CONFIG = RunConfig(
    task="fdp_bench/Lift-v1",
    policies=("fdp:prop>vision", "dp-dit"),
    shifts=("color@1", "color@3+occlusion@5"),
    episodes=25,
    seed=4,
)
CHECKPOINTS = {"fdp:prop>vision": "aa", "dp-dit": "bb"}


def test_every_policy_runs_clean_and_under_every_shift():
    arms = plan_arms(CONFIG, CHECKPOINTS)

    assert [(arm.policy, arm.checkpoint, arm.shift, arm.severity) for arm in arms[:3]] == [
        ("fdp:prop>vision", "aa", "clean", 0.0),
        ("fdp:prop>vision", "aa", "color@1", 0.2),
        ("fdp:prop>vision", "aa", "color@3+occlusion@5", 0.6),
    ]
    assert len(arms) == 6


def test_every_shifted_episode_has_its_clean_twin():
    episodes = plan_episodes(CONFIG, plan_arms(CONFIG, CHECKPOINTS))

    assert len({spec.id for spec in episodes}) == len(episodes) == 6 * 25
    twins = {replace(spec, shift="clean", severity=0.0) for spec in episodes}
    assert twins == {spec for spec in episodes if spec.shift == "clean"}


def test_a_run_cut_short_holds_pairs():
    episodes = plan_episodes(CONFIG, plan_arms(CONFIG, CHECKPOINTS))

    counts = Counter(spec.shift for spec in episodes[: 3 * BLOCK])

    assert set(counts.values()) == {BLOCK}


def test_without_shifts_only_the_clean_arm_runs():
    config = RunConfig(task="t", policies=("dp-dit",), shifts=())

    assert [arm.shift for arm in plan_arms(config, CHECKPOINTS)] == ["clean"]


def test_file_names_are_safe_and_unlike():
    config = RunConfig(
        task="t",
        policies=("fdp:prop>vision", "fdp:prop+vision", "fdp:prop>vision@../a b", "fdp:prop>vision@..-a-b"),
        shifts=("color@0.00001?part=table",),
    )
    arms = plan_arms(config, dict.fromkeys(config.policies, ""))

    slugs = [arm.slug for arm in arms]

    assert len(set(slugs)) == len(slugs)
    assert slugs[0] == "fdp-prop-over-vision_clean"
    assert all(set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.") for slug in slugs)


def test_chunks_keep_order_and_never_mix_policies():
    episodes = plan_episodes(CONFIG, plan_arms(CONFIG, CHECKPOINTS))

    chunks = plan_chunks(episodes, 4)

    assert [spec for chunk in chunks for spec in chunk] == list(episodes)
    assert all(len({spec.policy for spec in chunk}) == 1 for chunk in chunks)
    assert max(map(len, chunks)) == 4


def test_an_arm_and_its_episodes_say_what_the_policy_was_trained_on():
    arms = plan_arms(CONFIG, CHECKPOINTS, {"dp-dit": Training(25, 1, "zero_init=false")})

    spec = plan_episodes(CONFIG, arms)[-1]

    assert (arms[-1].train_demos, arms[-1].train_seed, arms[-1].variant) == (25, 1, "zero_init=false")
    assert (spec.train_demos, spec.train_seed, spec.variant) == (25, 1, "zero_init=false")
    assert arms[0].train_demos is None
