"""From a TOML file, or the name of a packaged one, to a suite; every error names the file and the key."""

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fdp_bench.api.errors import FdpBenchError, SpecError, nearest
from fdp_bench.api.profile import PROFILES
from fdp_bench.api.shift import LEVELS, ShiftSpec
from fdp_bench.api.validation import MAX_WHOLE, is_file_name, read_toml
from fdp_bench.runner.config import DEFAULT_EPISODES, TIERS
from fdp_bench.specs import format_shifts, parse_policy, parse_shifts, resolve_shifts
from fdp_bench.suites.suite import DEFAULT_SEVERITIES, RESERVED_SETTINGS, Suite, Variant
from fdp_bench.tasks import resolve_task

KEYS = (
    "summary",
    "policies",
    "tasks",
    "shifts",
    "severities",
    "demos",
    "train_seeds",
    "episodes",
    "tier",
    "seed",
    "profile",
    "training",
    "variants",
    "factors",
)
#: Variants that the factors of a suite may cross to; each is a training at least.
MOST_VARIANTS = 1000
_FOLDER = Path(__file__).parent
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


def packaged_suites() -> dict[str, Path]:
    """Name -> file of the suites that come with the package, sorted."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.toml"))}


def load_suite(name: str) -> Suite:
    """Read a suite.

    Args:
        name: Name of a packaged suite, or path of a TOML file.

    Raises:
        SpecError: If there is none, or whatever is wrong in it, in one line with the file and the key.
    """
    packaged = packaged_suites()
    path = packaged.get(name) or Path(name)
    if name not in packaged and path.suffix != ".toml":
        raise SpecError(f"suite {name!r} is not known{nearest(name, packaged)} (or name a .toml file)")
    try:
        data = read_toml(path)
    except OSError as error:
        raise SpecError(
            f"suite file {path} cannot be read ({error.strerror}); packaged suites: {', '.join(packaged)}"
        ) from None
    except ValueError as error:
        raise SpecError(f"suite file {path} is no TOML: {error}") from None
    return _Reader(path.name if name in packaged else str(path), data).suite(path.stem)


class _Reader:
    """Checks one file's keys one after the other."""

    def __init__(self, where: str, data: Mapping[str, Any]) -> None:
        self._where, self._data = where, data

    def suite(self, name: str) -> Suite:
        for key in self._data:
            if key not in KEYS:
                raise SpecError(f"{self._where}: key {key!r} is not known{nearest(key, KEYS)}")
        if not _NAME.fullmatch(name):
            raise SpecError(
                f"{self._where}: a suite's file name is its name; use lower-case letters, digits, '.', '_', '-'"
            )
        policies = self._list("policies", str, self._policy)
        training = self._settings("training", self._data.get("training", {}))
        return Suite(
            name=name,
            summary=self._one("summary", str, ""),
            policies=policies,
            tasks=self._list("tasks", str, lambda text: self._checked("tasks", resolve_task, text)),
            shifts=self._shifts(),
            demos=self._list("demos", int, self._least("demos", 1), default=(100,)),
            train_seeds=self._list("train_seeds", int, self._least("train_seeds", 0), default=(0,)),
            episodes=self._episodes(),
            seed=self._least("seed", 0)(self._one("seed", int, 0)),
            profile=self._profile(),
            training=training,
            variants=self._variants(policies),
            source=self._where,
        )

    def error(self, key: str, message: str) -> SpecError:
        return SpecError(f"{self._where}: key {key!r}: {message}")

    def _one(self, key: str, kind: type, default: Any) -> Any:
        value = self._data.get(key, default)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(key, f"{value!r} is not {_KINDS[kind]}")
        return value

    def _list(
        self, key: str, kind: type, check: Callable[[Any], Any], default: Sequence[Any] | None = None
    ) -> tuple[Any, ...]:
        if key not in self._data and default is None:
            raise SpecError(f"{self._where}: key {key!r} is missing; write for instance {_EXAMPLES[key]}")
        values = self._data.get(key, default)
        if not isinstance(values, (list, tuple)) or not values:
            raise self.error(key, f"{values!r} is no list with something in it")
        for value in values:
            if not isinstance(value, kind) or isinstance(value, bool):
                raise self.error(key, f"{value!r} is not {_KINDS[kind]}")
        checked = tuple(check(value) for value in values)
        for value in checked:
            if checked.count(value) > 1:
                raise self.error(key, f"{value!r} stands there twice; leave one out")
        return checked

    def _checked(self, key: str, check: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return check(*arguments)
        except FdpBenchError as error:
            raise self.error(key, str(error)) from None

    def _least(self, key: str, least: int) -> Callable[[int], int]:
        def check(value: int) -> int:
            if not least <= value < MAX_WHOLE:
                raise self.error(key, f"{value} must be at least {least} and below 2^63")
            return value

        return check

    def _policy(self, text: str) -> str:
        spec = self._checked("policies", parse_policy, text)
        if spec.checkpoint:
            raise self.error(
                "policies", f"{text!r} names weights; a sweep trains or finds them, leave '@...' out"
            )
        return str(spec)

    def _shifts(self) -> tuple[str, ...]:
        if "shifts" not in self._data:
            if "severities" in self._data:
                raise self.error("severities", "there are no shifts to give them to; add shifts = [...]")
            return ()
        severities = self._list("severities", (int, float), self._severity, default=DEFAULT_SEVERITIES)  # type: ignore[arg-type]
        texts = self._list("shifts", str, str)
        shifts: list[str] = []
        for text in texts:
            parsed = self._checked("shifts", lambda given: resolve_shifts(parse_shifts(given)), text)
            if not parsed:
                raise self.error("shifts", f"{text!r} always runs; leave it out")
            shifts += [format_shifts(parsed)] if "@" in text else _at_each(parsed, severities)
        for shift in shifts:
            if shifts.count(shift) > 1:
                raise self.error("shifts", f"{shift!r} stands there twice; leave one out")
        return tuple(shifts)

    def _severity(self, value: float) -> float:
        if not 0.0 < value <= (LEVELS if isinstance(value, int) else 1.0):
            shown = str(value)[:20] if isinstance(value, float) or abs(value) < MAX_WHOLE else "a huge number"
            raise self.error("severities", f"{shown} is neither a level 1-{LEVELS} nor a number in (0, 1]")
        return value / LEVELS if isinstance(value, int) else value

    def _episodes(self) -> int:
        if "tier" in self._data and "episodes" in self._data:
            raise self.error("tier", "it says what 'episodes' says; leave one out")
        if "tier" in self._data:
            tier = self._one("tier", str, "")
            if tier not in TIERS:
                raise self.error("tier", f"{tier!r} is not known{nearest(tier, TIERS)}")
            return TIERS[tier]
        return self._least("episodes", 1)(self._one("episodes", int, DEFAULT_EPISODES))

    def _profile(self) -> str:
        profile: str = self._one("profile", str, PROFILES[0])
        if profile not in PROFILES:
            raise self.error("profile", f"{profile!r} is not known{nearest(profile, PROFILES)}")
        return profile

    def _settings(self, key: str, table: Any) -> dict[str, str]:
        if not isinstance(table, dict):
            raise self.error(key, f"{table!r} is no table of settings")
        return {name: self._setting(key, name, value) for name, value in table.items()}

    def _setting(self, key: str, name: str, value: Any) -> str:
        if name in RESERVED_SETTINGS:
            raise self.error(key, f"setting {name!r} is not given here; use {RESERVED_SETTINGS[name]}")
        is_number = isinstance(value, int | float) and abs(value) < MAX_WHOLE
        if not is_number and not isinstance(value, str):
            raise self.error(
                key, f"setting {name} = {value!r} is neither a finite number, a text, nor true or false"
            )
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _variants(self, policies: tuple[str, ...]) -> tuple[Variant, ...]:
        named = self._data.get("variants", {})
        if not isinstance(named, dict):
            raise self.error(
                "variants", "it is no table of tables; write [variants.NAME] and settings below it"
            )
        variants = []
        for name, table in named.items():
            key = f"variants.{name}"
            if not _NAME.fullmatch(name):
                raise self.error(key, "use lower-case letters, digits, '.', '_' and '-' in its name")
            if not isinstance(table, dict):
                raise self.error(key, f"{table!r} is no table of settings")
            own = self._variant_policies(key, table.get("policies", []), policies)
            rest = {setting: value for setting, value in table.items() if setting != "policies"}
            variants.append(Variant(name, self._settings(key, rest), own))
        if not all(is_file_name(name) for name in named):
            raise self.error("variants", "a name is too long")
        return tuple(
            Variant(
                "-".join(filter(None, (one.name, other.name))),
                {**one.settings, **other.settings},
                one.policies,
            )
            for one, other in itertools.product(variants or [Variant()], self._factors())
        )

    def _variant_policies(self, key: str, given: Any, policies: tuple[str, ...]) -> tuple[str, ...]:
        if not isinstance(given, list):
            raise self.error(key, f"policies = {given!r} is no list")
        for text in given:
            if text not in policies:
                raise self.error(key, f"policy {text!r} is none of the suite's{nearest(str(text), policies)}")
        return tuple(given)

    def _factors(self) -> list[Variant]:
        """Every combination of the factors' values; each factor's first value goes without saying in the name."""
        table = self._data.get("factors", {})
        if not isinstance(table, dict):
            raise self.error("factors", "it is no table; write [factors] and setting = [value, ...] below it")
        choices: list[list[tuple[str, str, str]]] = []
        for name, values in table.items():
            if not isinstance(values, list) or len(values) < 2:
                raise self.error("factors", f"{name} = {values!r} is no list of two or more values to cross")
            texts = [self._setting("factors", name, value) for value in values]
            for text in texts:
                if not is_file_name(f"{name}-{text}"):
                    raise self.error(
                        "factors",
                        f"{name} = {text[:60]!r} names a folder; use letters, digits, '.', '_', '-'",
                    )
            if math.prod(len(one) for one in choices) * len(texts) > MOST_VARIANTS:
                raise self.error(
                    "factors", f"they cross to more than {MOST_VARIANTS} variants; name fewer values"
                )
            choices.append([(name, text, "" if text == texts[0] else f"{name}-{text}") for text in texts])
        return [
            Variant("-".join(part for _, _, part in chosen if part), {name: text for name, text, _ in chosen})
            for chosen in itertools.product(*choices)
        ]


_KINDS: Mapping[Any, str] = {str: "a text", int: "a whole number", (int, float): "a number"}
_EXAMPLES = {"policies": 'policies = ["fdp:prop>vision"]', "tasks": 'tasks = ["Lift"]'}


def _at_each(shifts: Sequence[ShiftSpec], severities: Sequence[float]) -> list[str]:
    return [format_shifts([replace(shift, severity=severity) for shift in shifts]) for severity in severities]
