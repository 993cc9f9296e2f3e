"""Which policy is another one's base, and what it does alone on the same episodes."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_records import LIFT
from fake_sweeps import trained_arm

from fdp_bench.api import EpisodeRecord
from fdp_bench.records import Manifest
from fdp_bench.report.runs import Runs
from fdp_bench.report.tables.bases import Base, find_bases
from fdp_bench.report.tables.summary import summarize
from fdp_bench.report.text.terminal import terminal_table

FDP, UNET = "fdp:prop>vision", "fdp:prop>vision?backbone=unet"


def key_of(records: list[EpisodeRecord]) -> tuple[str, str]:
    return records[0].spec.policy, records[0].spec.checkpoint


def runs_of(*arms: list[EpisodeRecord], cards: dict[tuple[str, str], dict[str, Any]] | None = None) -> Runs:
    """One run whose manifest holds these cards."""
    records = [record for arm in arms for record in arm]
    keys = dict.fromkeys((record.spec.policy, record.spec.checkpoint) for record in records)
    policies = [
        {"spec": spec, "sha256": sha256, "source": spec.partition("@")[2].partition("?")[0] or "bundled"}
        | {"card": (cards or {}).get((spec, sha256), {})}
        for spec, sha256 in keys
    ]
    manifest = Manifest("run", "complete", "", {"task": LIFT}, 0, policies=policies)
    return Runs((Path("runs/night"),), (manifest,), tuple(records))


def names(base: list[EpisodeRecord]) -> dict[str, Any]:
    return {"base": {"sha256": key_of(base)[1], "file": "base-prop.safetensors"}}


def test_the_base_is_the_policy_with_the_weights_that_the_card_names() -> None:
    fdp = trained_arm(5, policy=FDP, demos=100, seed=0)
    bases = [trained_arm(3, policy="base:prop", demos=100, seed=seed) for seed in (0, 1)]
    runs = runs_of(fdp, *bases, cards={key_of(fdp): names(bases[1])})
    assert find_bases(runs) == {(LIFT, key_of(fdp)): Base(bases[1][0].spec.policy, key_of(bases[1]))}


def test_other_weights_of_the_same_size_and_seed_are_not_the_base() -> None:
    fdp, base = (trained_arm(5, policy=policy, demos=100, seed=0) for policy in (FDP, "base:prop"))
    card = {"base": {"sha256": "f" * 64, "file": "base-prop.safetensors"}}
    found = find_bases(runs_of(fdp, base, cards={key_of(fdp): card}))
    assert found == {(LIFT, key_of(fdp)): Base("base:prop@cache/base-prop.safetensors")}


@pytest.mark.parametrize(
    ("policy", "base"),
    [
        (UNET, "base:prop?backbone=unet"),
        ("fdp:vision>prop", "base:vision"),
        ("fdp:prop>vision?composition=score&width=64", "base:prop?width=64"),
        ("fdp:prop>vision?denoising_steps=20", "base:prop?denoising_steps=20"),
    ],
)
def test_without_a_hash_it_is_the_policy_of_its_size_seed_and_options(policy: str, base: str) -> None:
    fdp = trained_arm(5, policy=policy, demos=100, seed=1)
    others = [
        trained_arm(3, policy=name, demos=demos, seed=seed)
        for name in ("base:prop", "base:vision", base)
        for demos in (50, 100)
        for seed in (0, 1)
    ]
    wanted = trained_arm(3, policy=base, demos=100, seed=1)
    assert find_bases(runs_of(fdp, *others))[LIFT, key_of(fdp)].key == key_of(wanted)
    assert find_bases(runs_of(fdp, *others[:2]))[LIFT, key_of(fdp)] == Base(base)


def test_a_base_with_another_sampler_is_another_policy() -> None:
    fdp = trained_arm(5, policy="fdp:prop>vision?denoising_steps=20", demos=100, seed=0)
    base = trained_arm(5, policy="base:prop", demos=100, seed=0)
    found = find_bases(runs_of(fdp, base, cards={key_of(fdp): names(base)}))
    assert found[LIFT, key_of(fdp)].key is None


def test_policies_without_a_base_or_a_plugin_have_none() -> None:
    runs = runs_of(trained_arm(5), trained_arm(5, policy="base:prop"), trained_arm(5, policy="nowhere"))
    assert find_bases(runs) == {}


def a_run_with_a_base() -> Runs:
    """FDP succeeds on 8 of 10 episodes without a shift and 4 with one, its base on 6 and 5."""
    arms = [
        trained_arm(successes, policy=policy, demos=100, seed=0, shift=shift, level=3 * (shift != "clean"))
        for policy, of_policy in ((FDP, (8, 4)), ("base:prop", (6, 5)))
        for shift, successes in zip(("clean", "color"), of_policy, strict=True)
    ]
    return runs_of(*arms, cards={key_of(arms[0]): names(arms[2])})


def test_a_row_holds_what_its_base_does_under_the_shift_and_without() -> None:
    runs = a_run_with_a_base()
    rows = summarize(runs.records, bases=find_bases(runs)).set_index(["label", "shift"])
    shifted = rows.loc[(FDP, "color@3")]
    assert (shifted["base"], shifted["base_pairs"]) == ("base:prop", 10)
    assert shifted[["base_rate", "base_clean_rate", "base_difference"]].tolist() == pytest.approx(
        [0.5, 0.6, -0.1]
    )
    assert shifted["base_difference_low"] < -0.1 < shifted["base_difference_high"]
    assert rows.loc[(FDP, "clean"), "base_rate"] == 0.6
    assert rows.loc[("base:prop", "color@3"), "base"] == ""
    assert math.isnan(rows.loc[("base:prop", "color@3"), "base_rate"])


def test_the_base_is_read_on_the_episodes_that_both_have() -> None:
    runs = a_run_with_a_base()
    kept = [
        record for record in runs.records if record.spec.policy.startswith("base") or record.spec.index < 5
    ]
    rows = summarize(kept, bases=find_bases(replace(runs, records=tuple(kept)))).set_index(["label", "shift"])
    shifted = rows.loc[(FDP, "color@3")]
    assert shifted[["base_pairs", "base_rate", "base_clean_rate"]].tolist() == [5, 1.0, 1.0]


def test_the_table_says_what_the_base_does_alone() -> None:
    runs = a_run_with_a_base()
    text = terminal_table(summarize(runs.records, bases=find_bases(runs)))
    assert "base (clean)" in text
    row = next(line for line in text.splitlines() if line.startswith(FDP) and "color" in line)
    assert "50 (60)" in row
    assert "(fdp:prop>vision: base:prop)" in " ".join(text.split())


def test_the_note_names_a_base_once_for_all_its_seeds() -> None:
    arms, cards = [], {}
    for seed in (0, 1):
        fdp, base = (trained_arm(5, policy=policy, demos=100, seed=seed) for policy in (FDP, "base:prop"))
        arms += [fdp, base]
        cards[key_of(fdp)] = names(base)
    runs = runs_of(*arms, cards=cards)
    text = " ".join(terminal_table(summarize(runs.records, bases=find_bases(runs))).split())
    assert "(fdp:prop>vision: base:prop)" in text


def test_a_base_that_was_not_run_is_asked_for() -> None:
    fdp = trained_arm(5, policy=FDP, demos=100, seed=0)
    card = {"base": {"sha256": "f" * 64, "file": "base-prop.safetensors"}}
    runs = runs_of(fdp, cards={key_of(fdp): card})
    text = " ".join(terminal_table(summarize(runs.records, bases=find_bases(runs))).split())
    assert "Add the policy 'base:prop' to the suite, or to the run" in text
    assert "--policy base:prop@cache/base-prop.safetensors" in text
    assert "base (clean)" not in text
