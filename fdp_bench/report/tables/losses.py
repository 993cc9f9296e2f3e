"""Training logs of the evaluated policies: loss over steps, and what each sense is worth."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fdp_bench.api.validation import read_limited
from fdp_bench.records.store import TRAIN_NAME
from fdp_bench.report.names import recipe_of
from fdp_bench.report.runs import Runs
from fdp_bench.report.tables.trainings import PolicyKey

if TYPE_CHECKING:
    import pandas

LOSS_COLUMNS = ("task", "recipe", "series", "phase", "step", "train_loss", "heldout_loss")
RISE_COLUMNS = ("task", "recipe", "series", "phase", "sense", "step", "rise", "low", "high")
_RISE = "rise_"
#: Largest log that is read, in bytes and rows; a long training's has a few hundred rows of a hundred bytes.
_MAX_LOG_BYTES, _MOST_ROWS = 8 * 2**20, 20_000
#: Losses, rises and steps lie far below.
_MOST = 1e15


@dataclass(frozen=True)
class _Log:
    """A policy's log: the columns that all its rows share, and its rows."""

    names: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]


def loss_table(runs: Runs, names: Mapping[PolicyKey, str]) -> "pandas.DataFrame":
    """Losses over gradient steps of every policy whose log is at hand.

    Args:
        runs: What is reported. A policy's log is the CSV file beside its checkpoint, also where a sweep was moved or
            published without its weights; where there is none, or the weights come with the package, the rows that its
            card holds (its last phase alone).
        names: (policy, checkpoint) -> name of its line, unique among the policies of a task.

    Returns:
        Table with `LOSS_COLUMNS`, sorted by task; ``task`` is the one that the policy was run on, ``step`` counts
        gradient steps of the phase, losses are squared errors of the predicted noise.
    """
    import pandas

    rows = [
        {**log.names, "phase": str(entry.get("phase", "")), "step": step}
        | {"train_loss": _number(entry.get("train_loss")), "heldout_loss": _number(entry.get("heldout_loss"))}
        for log in _logs(runs, names)
        for entry in log.rows
        if (step := _number(entry.get("step"))) == step
    ]
    return pandas.DataFrame(rows, columns=list(LOSS_COLUMNS))


def rise_table(runs: Runs, names: Mapping[PolicyKey, str]) -> "pandas.DataFrame":
    """How much the held-out loss rises, relatively, when a sense is shuffled among the samples.

    Returns:
        Table with `RISE_COLUMNS`: ``rise`` 0.1 means a loss 10% higher; ``low`` and ``high`` are its 95%
        interval, nan where the log has none. See `loss_table` for the arguments.
    """
    import pandas

    rows = []
    for log in _logs(runs, names):
        for entry in log.rows:
            for sense, (low, rise, high) in _rises(entry).items():
                row = {**log.names, "phase": str(entry.get("phase", "")), "sense": sense}
                rows.append(
                    row | {"step": _number(entry.get("step")), "rise": rise, "low": low, "high": high}
                )
    return pandas.DataFrame(rows, columns=list(RISE_COLUMNS))


def _logs(runs: Runs, names: Mapping[PolicyKey, str]) -> list[_Log]:
    """The log of each policy that has one, each policy once, sorted by task."""
    logs: dict[PolicyKey, _Log] = {}
    for path, manifest in zip(runs.paths, runs.manifests, strict=True):
        for policy in manifest.policies:
            key = (str(policy.get("spec", "")), str(policy.get("sha256", "")))
            if key in names and key not in logs and (rows := _read_log(path, policy)):
                task = str(manifest.config.get("task", ""))
                logs[key] = _Log({"task": task, "recipe": recipe_of(key[0]), "series": names[key]}, rows)
    return sorted(logs.values(), key=lambda log: log.names["task"])


def _read_log(run: Path, policy: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    source = Path(str(policy.get("source", "")))
    if source.suffix == ".safetensors":
        try:
            # A manifest may name any path: what is no file may never end.
            file = next(filter(Path.is_file, _log_files(run, source.with_suffix(".csv"))), None)
            text = read_limited(file, _MAX_LOG_BYTES).decode("utf-8") if file else ""
            if found := list(islice(csv.DictReader(io.StringIO(text, newline="")), _MOST_ROWS)):
                return found
        except (OSError, ValueError, csv.Error):
            # The card keeps the last phase's rows.
            pass
    card = policy.get("card")
    log = card.get("log") if isinstance(card, Mapping) else None
    rows = log.get("rows") if isinstance(log, Mapping) else None
    return [row for row in rows[:_MOST_ROWS] if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _log_files(run: Path, named: Path) -> list[Path]:
    """Where a log may lie: in the folder ``train`` beside the run's folder, as sweeps have it, or where it is named."""
    trainings = run.parents[1] / TRAIN_NAME if len(run.parents) > 1 else Path(TRAIN_NAME)
    inside = [trainings / named]
    if TRAIN_NAME in named.parts:
        last = len(named.parts) - named.parts[::-1].index(TRAIN_NAME)
        inside.append(trainings / Path(*named.parts[last:]))
    return [*inside, named]


def _rises(entry: Mapping[str, Any]) -> dict[str, tuple[float, float, float]]:
    """Sense -> (low, rise, high) of a log's row; a log without the rise itself has shuffled and true loss."""
    rises = {}
    for column, value in entry.items():
        if not str(column).startswith(_RISE) or str(column).endswith(("_low", "_high")):
            continue
        if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 3:
            low, rise, high = map(_number, value)
        else:
            low, rise, high = (_number(entry.get(f"{column}{end}")) for end in ("_low", "", "_high"))
        if not math.isnan(rise):
            rises[str(column).removeprefix(_RISE)] = (low, rise, high)
    return rises


def _number(value: Any) -> float:
    """A cell's number; nan where it holds none, or one that no plot can show."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return number if abs(number) < _MOST else math.nan
