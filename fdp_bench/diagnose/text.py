"""A diagnosis for the terminal: tables, and verdicts in words."""

import textwrap
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fdp_bench.api import TheoryCheck
from fdp_bench.diagnose.conditions import AS_IT_IS
from fdp_bench.diagnose.diagnosis import Diagnosis
from fdp_bench.diagnose.success import Difference, Success, p_text
from fdp_bench.diagnose.verdicts import FOUND, NOT_FOUND, NOTED
from fdp_bench.report.names import EMPTY
from fdp_bench.report.text.terminal import WIDTH, plain_text
from fdp_bench.report.typeset import Layout

_MARKS = {FOUND: "FOUND", NOT_FOUND: "not found", NOTED: "note"}


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """The whole diagnosis as plain text, without a trailing newline."""
    parts = [
        f"Diagnosis of {diagnosis.policy} on {diagnosis.request.task_id}",
        plain_text(senses_layout(diagnosis)),
    ]
    if diagnosis.base_differences:
        parts.append(plain_text(base_layout(diagnosis.base_differences)))
    if diagnosis.contributions:
        parts.append(plain_text(residual_layout(diagnosis)))
    if diagnosis.losses:
        parts.append(plain_text(losses_layout(diagnosis)))
    parts.append(verdicts_text(diagnosis))
    return "\n\n".join(parts)


def senses_layout(diagnosis: Diagnosis) -> Layout:
    """Which sense the policy listens to."""
    changes = {each.condition: each for each in diagnosis.changes}
    successes = {each.condition: each for each in diagnosis.successes}
    differences = {each.condition: each for each in diagnosis.differences}
    fallbacks = any(each.fallback_share is not None for each in diagnosis.successes)
    rows = []
    for name in dict.fromkeys([*successes, *changes]):
        change, success, difference = changes.get(name), successes.get(name), differences.get(name)
        rows.append(
            (
                name,
                f"{change.change:.2f}" if change else EMPTY,
                f"{change.low:.2f}-{change.high:.2f}" if change else EMPTY,
                f"{success.rate:.0%}" if success else EMPTY,
                f"{100 * success.low:.0f}-{100 * success.high:.0f}%" if success else EMPTY,
                f"{100 * difference.difference:+.0f}" if difference else EMPTY,
                _interval(difference) if difference else EMPTY,
                p_text(difference.p) if difference else EMPTY,
                *([_fallback(success)] if fallbacks else []),
            )
        )
    notes = [
        f"Action change: root mean square over the actions' own spread, on {diagnosis.decisions} decisions of "
        f"{diagnosis.source}, with the same noise: 0 is none, 1.4 actions that have nothing to do with each other. "
        "95% bootstrap interval over episodes.",
        "Masked: the middle of the normalized range (cameras: mid-grey). Swapped: another episode's at the same step.",
    ]
    if diagnosis.successes:
        notes.append(
            f"Success: {diagnosis.successes[0].episodes} episodes a row with the same initial states and noise; Wilson "
            "95% intervals; differences to the first row, paired (Newcombe), exact McNemar, Holm over the table."
        )
        errors = sum(each.errors for each in diagnosis.successes)
        if errors:
            notes.append(f"{errors} episodes ended in an error and count as failures.")
    if fallbacks:
        notes.append(
            "Fallback: share of an episode's decisions that the policy left to its base, mean over episodes."
        )
    headers = ["senses", "action change", "95%", "success", "95%", "points", "95%", "p (Holm)"]
    headers += ["fallback"] if fallbacks else []
    numeric = (False, *[True] * (len(headers) - 1))
    return Layout("Which sense it listens to", tuple(headers), numeric, tuple(rows), tuple(notes))


def base_layout(differences: Sequence[Difference]) -> Layout:
    """The composition against its base alone."""
    rows = tuple(
        (each.condition, f"{100 * each.difference:+.0f}", _interval(each), p_text(each.p))
        for each in differences
    )
    note = (
        "The base reads no secondary sense and does the same in every row. A residual that steps aside when its sense "
        "is gone leaves the composition as good as the base."
    )
    headers = ("composition, senses", "points over base alone", "95%", "p (Holm)")
    return Layout(
        "Composition against its base alone, same episodes and noise",
        headers,
        (False, True, True, True),
        rows,
        (note,),
    )


def residual_layout(diagnosis: Diagnosis) -> Layout:
    """How much the residual adds, from noisy to clean."""
    as_it_is = diagnosis.contributions[AS_IT_IS.name]
    shown = _spread_out(len(as_it_is.steps), 5)
    joints = diagnosis.facts.joint_norms if diagnosis.facts else {}
    rows = []
    for name, each in diagnosis.contributions.items():
        rows.append((f"predicted noise, {name}", *_cells(each.noise, shown), EMPTY))
    for place, joint in enumerate(as_it_is.joints):
        norm = f"{joints[joint]:.2f}" if joint in joints else EMPTY
        rows.append((f"stream at {joint}, {AS_IT_IS.name}", *_cells(as_it_is.streams[:, place], shown), norm))
    notes = (
        "Predicted noise: norm of what the residual changes over that of the base's prediction. Stream: norm of Z h_r "
        "over that of the base's stream that it joins. Z: Frobenius norm; 0 before training.",
    )
    headers = ("residual over base, at diffusion step", *(str(as_it_is.steps[at]) for at in shown), "Z")
    return Layout("What the residual adds", headers, (False, *[True] * (len(shown) + 1)), tuple(rows), notes)


def losses_layout(diagnosis: Diagnosis) -> Layout:
    """Held-out losses."""
    rows = []
    for loss in diagnosis.losses:
        rows.append((f"{loss.source}: whole policy", f"{loss.whole:.4f}", EMPTY, EMPTY))
        if loss.base is not None:
            rows.append((f"{loss.source}: base alone", f"{loss.base:.4f}", EMPTY, EMPTY))
        for name, shuffled in loss.shuffled.items():
            low, mean, high = loss.rise[name]
            rows.append(
                (
                    f"{loss.source}: {name} shuffled",
                    f"{shuffled:.4f}",
                    f"{mean:+.0%}",
                    f"{low:+.0%} to {high:+.0%}",
                )
            )
        if loss.base_on_training is not None:
            rows.append(
                (f"{loss.source}: base on training data", f"{loss.base_on_training:.4f}", EMPTY, EMPTY)
            )
    headers = ("held-out loss", "loss", "rise", "95%")
    note = "Squared error of the predicted noise on demonstrations that were held out; bootstrap over demonstrations."
    return Layout("Losses", headers, (False, True, True, True), tuple(rows), (note,))


def verdicts_text(diagnosis: Diagnosis) -> str:
    """The verdicts, one paragraph each."""
    if not diagnosis.verdicts:
        return (
            "Verdict\n\n  The policy has no base and no residual: there is no documented failure to look for."
        )
    lines = ["Verdict", ""]
    for verdict in diagnosis.verdicts:
        head = f"{_MARKS.get(verdict.state, verdict.state)}: {verdict.name}"
        lines += textwrap.wrap(
            f"{head}. {verdict.text[0].upper()}{verdict.text[1:]}.",
            WIDTH,
            initial_indent="  ",
            subsequent_indent="    ",
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def theory_text(check: TheoryCheck) -> str:
    """The numerical check of the theory, as plain text."""
    rows = tuple(
        (
            str(level.step),
            f"{level.noise_rate:.2f}",
            f"{level.likelihood:.3f}",
            f"{level.joint:.3f}",
            f"{level.base_alone:.3f}",
        )
        for level in check.levels
    )
    verdict = "holds" if check.passed else "does NOT hold"
    notes = (
        f"Root mean square over all noise levels: residual {check.likelihood:.3f} (untrained {check.untrained:.3f}), "
        f"base + residual {check.joint:.3f}, after {check.gradient_steps} gradient steps.",
        f"It {verdict} within the bound of {check.bound:.2f} on both.",
    )
    headers = (
        "diffusion step",
        "noise (std)",
        "residual vs p(secondary | action, base)",
        "base + residual vs joint",
        "base alone vs joint",
    )
    title = "\n".join(textwrap.wrap(check.statement, WIDTH)) + "\n\nRelative errors against the closed form"
    return plain_text(Layout(title, headers, (True,) * 5, rows, notes))


def _cells(values: npt.NDArray[np.float64], shown: Sequence[int]) -> list[str]:
    return [f"{values[at]:.2f}" for at in shown]


def _spread_out(count: int, at_most: int) -> list[int]:
    wanted = min(count, at_most)
    return [round(place * (count - 1) / max(1, wanted - 1)) for place in range(wanted)]


def _fallback(success: Success | None) -> str:
    if success is None or success.fallback_share is None:
        return EMPTY
    return f"{success.fallback_share:.0%}"


def _interval(difference: Difference) -> str:
    return f"{100 * difference.low:+.0f} to {100 * difference.high:+.0f}"
