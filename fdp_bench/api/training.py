"""What a policy was trained on, as its checkpoint's card tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fdp_bench.api.validation import MAX_WHOLE


@dataclass(frozen=True)
class Training:
    """The part of an arm that only the weights' card knows (docs/design.md, "Words").

    Attributes:
        demos: Demonstrations trained on; None where the card does not say, or nothing was trained.
        seed: Seed of the training; None likewise.
        variant: Training settings that differ from the recipe's defaults, ``"zero_init=false"`` for instance,
            joined by commas; empty for the recipe as it stands.
    """

    demos: int | None = None
    seed: int | None = None
    variant: str = ""

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> "Training":
        """Read a card's ``train_demos``, ``train_seed`` and ``variant``, all optional.

        Cards from before these keys hold the first two among their ``determinants``.
        """
        determinants = _mapping(card.get("determinants"))
        settings = _mapping(determinants.get("training"))
        return cls(
            demos=_whole(card.get("train_demos", determinants.get("train_demos"))),
            seed=_whole(card.get("train_seed", settings.get("seed"))),
            variant=str(card.get("variant", "")),
        )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _whole(value: Any) -> int | None:
    # Larger numbers are nobody's, and no table holds them.
    is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < MAX_WHOLE
    return value if is_whole else None
