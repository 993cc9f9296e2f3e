"""Verdicts in words on the documented failures of factorized policies, each with the figure behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fdp_bench.api import Contribution, HeldOutLosses, Inspector, WeightFacts
from fdp_bench.api.diagnosis import LAZY_RISE, OVERFIT_RISE
from fdp_bench.diagnose.conditions import AS_IT_IS
from fdp_bench.diagnose.senses import ActionChange
from fdp_bench.diagnose.success import Difference, p_text

#: A sense is not listened to when swapping it moves the actions by less than this share of their own spread: the
#: same 5% as `LAZY_RISE` asks of the loss. The bundled policies, which listen, move by 15% and more.
DEAF_CHANGE = 0.05
#: A residual is silent when it changes the base's predicted noise by less than this share, mean over the denoising
#: steps. Our choice: the four bundled ones change it by 4 to 7%, one with its layers Z at 2% of their size by 0.2%. The
#: actions alone would not show it: a change as small can still tip a decision, such as when to grasp.
SILENT = 0.01
#: Adjusted p-value below which a difference counts as sure.
SIGNIFICANT = 0.05

FOUND, NOT_FOUND, UNKNOWN, NOTED = "found", "not found", "unknown", "noted"


@dataclass(frozen=True)
class Verdict:
    """One verdict.

    Attributes:
        name: What was looked for.
        state: `FOUND`, `NOT_FOUND` or `UNKNOWN` for a documented failure; `NOTED` for what else a user should know.
        text: The figure behind it, in words, and where found the way out.
    """

    name: str
    state: str
    text: str


def failure_verdicts(
    inspector: Inspector,
    changes: Sequence[ActionChange],
    losses: Sequence[HeldOutLosses],
    facts: WeightFacts | None,
    added: Mapping[str, Contribution],
) -> list[Verdict]:
    """Look for the documented failures: a lazy residual, an overfitted base, a changed base.

    Args:
        inspector: The policy.
        changes: Action changes; may be empty.
        losses: Held-out losses; the last of them counts where several are known.
        facts: What the weights say; None without a base and a residual, and then nothing is looked for.
        added: What the residual adds, by condition; may be empty.
    """
    if facts is None:
        return []
    return [
        *(lazy_residual(name, changes, losses, added) for name in inspector.secondary),
        overfitted_base(losses),
        changed_base(facts),
    ]


def lazy_residual(
    name: str,
    changes: Sequence[ActionChange],
    losses: Sequence[HeldOutLosses],
    added: Mapping[str, Contribution],
) -> Verdict:
    """Whether the residual adds nothing, or is deaf to the secondary sense `name` by its actions or held-out loss."""
    said, lazy = [], False
    if AS_IT_IS.name in added:
        size = float(added[AS_IT_IS.name].noise.mean())
        lazy |= size < SILENT
        said.append(f"it changes the base's predicted noise by {size:.1%} (lazy below {SILENT:.0%})")
    for change in changes:
        if change.condition == f"{name} swapped":
            deaf = change.high < DEAF_CHANGE
            lazy |= deaf
            said.append(
                f"swapping {name} moves the actions by {change.change:.1%} of their spread "
                f"({change.low:.1%} to {change.high:.1%}; lazy where the interval lies below {DEAF_CHANGE:.0%})"
            )
    for loss in losses[-1:]:
        if name in loss.rise:
            low, mean, high = loss.rise[name]
            deaf = low <= 0.0 or high < LAZY_RISE
            lazy |= deaf
            said.append(
                f"shuffling {name} changes the held-out loss ({loss.source}) by {mean:+.1%} "
                f"({low:+.1%} to {high:+.1%}; lazy where the interval holds 0 or lies below {LAZY_RISE:.0%})"
            )
    if not said:
        return Verdict("lazy residual", UNKNOWN, f"nothing was measured of {name}; give --data or --episodes")
    text = "; ".join(said)
    if lazy:
        text += ". Train the residual longer, with loss_weight=min-snr and more noise_draws"
    return Verdict("lazy residual", FOUND if lazy else NOT_FOUND, text)


def overfitted_base(losses: Sequence[HeldOutLosses]) -> Verdict:
    """Whether the base was trained far past its plateau, by its held-out losses during training."""
    histories = [loss.base_history for loss in losses if loss.base_history]
    name = "overfitted base"
    if not histories:
        return Verdict(
            name, UNKNOWN, "the card holds no log of the base's training; train it with fdp-bench train"
        )
    lowest_step, lowest = min(histories[-1], key=lambda entry: entry[1])
    last_step, last = histories[-1][-1]
    rise = last / lowest - 1.0
    text = (
        f"its held-out loss ended at {last:.4f} after {last_step} steps, {rise:.1%} above the lowest, {lowest:.4f} at "
        f"step {lowest_step} (overfitted from {OVERFIT_RISE:.0%})"
    )
    for loss in losses:
        if loss.base is not None and loss.base_on_training is not None:
            text += f"; measured now: {loss.base:.4f} held out, {loss.base_on_training:.4f} on what it was trained on"
    if rise > OVERFIT_RISE:
        return Verdict(name, FOUND, f"{text}. Give it fewer steps, or more demonstrations")
    return Verdict(name, NOT_FOUND, text)


def changed_base(facts: WeightFacts) -> Verdict:
    """Whether the base that acts is the one that was frozen, by the hash over its weights."""
    name, now, then = "changed base", facts.base_sha256[:12], facts.frozen_base_sha256[:12]
    if not then:
        return Verdict(name, UNKNOWN, "the card holds no hash of the base as it was frozen")
    if facts.base_sha256 == facts.frozen_base_sha256:
        return Verdict(name, NOT_FOUND, f"its weights hash to {now}, as they did when it was frozen")
    return Verdict(
        name,
        FOUND,
        f"its weights hash to {now}, and {then} was frozen: it was trained on, or another file was put in its place. "
        "Put the right one beside the residual, or train with freeze_base=true",
    )


def notes(
    inspector: Inspector,
    changes: Sequence[ActionChange],
    losses: Sequence[HeldOutLosses],
    base_differences: Sequence[Difference],
    added: Mapping[str, Contribution],
) -> list[Verdict]:
    """What is no documented failure, and a user should know all the same."""
    found = []
    for difference in base_differences:
        if difference.high < 0.0:
            sure = "" if difference.p < SIGNIFICANT else "; more --episodes would make it sure"
            points = -100 * difference.difference
            found.append(
                Verdict(
                    "residual does not step aside",
                    NOTED,
                    f"{difference.condition}: the composition succeeds {points:.0f} points less often than its base "
                    f"alone on the same episodes ({-100 * difference.high:.0f} to {-100 * difference.low:.0f}; "
                    f"p {_equals(difference.p)}, Holm over {len(base_differences)}{sure}). The base reads nothing of "
                    f"it, so the residual does the harm{_growth(difference.condition, added)}",
                )
            )
    for change in changes:
        name, _, what = change.condition.partition(" ")
        if what == "swapped" and name not in inspector.secondary and change.high < DEAF_CHANGE:
            found.append(
                Verdict(
                    "does not listen",
                    NOTED,
                    f"swapping {name} moves the actions by {change.change:.1%} of their spread "
                    f"({change.low:.1%} to {change.high:.1%})",
                )
            )
    for loss in losses[-1:]:
        if loss.base is not None and loss.whole > loss.base:
            found.append(
                Verdict(
                    "composition predicts worse than its base",
                    NOTED,
                    f"held-out loss ({loss.source}) {loss.whole:.4f} against {loss.base:.4f}: the residual is "
                    "overfitted; more demonstrations or fewer residual steps may help",
                )
            )
        if not loss.unseen:
            found.append(
                Verdict(
                    "other demonstrations",
                    NOTED,
                    "the file is not the one that the policy was trained on: nobody knows whether it has seen these",
                )
            )
    return found


def _equals(p: float) -> str:
    shown = p_text(p)
    return f"< {shown[1:]}" if shown.startswith("<") else f"= {shown}"


def _growth(condition: str, added: Mapping[str, Contribution]) -> str:
    """How much more the residual adds under a condition than with all senses, in words; empty where nobody knows."""
    if condition not in added or AS_IT_IS.name not in added:
        return ""
    usual, now = float(added[AS_IT_IS.name].noise.mean()), float(added[condition].noise.mean())
    if usual == 0.0:
        return ""
    return (
        f": it adds {now / usual:.1f} times as much to the predicted noise as with all senses "
        f"({now:.2f} against {usual:.2f} of the base's)"
    )


def has_failures(verdicts: Sequence[Verdict]) -> bool:
    """Whether a documented failure was found."""
    return any(verdict.state == FOUND for verdict in verdicts)
