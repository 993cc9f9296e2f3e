"""The training plot that lies beside a checkpoint, and the CSV log behind it."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fdp_policies.training.phase_log import PhaseLog


def write_log(path: Path, logs: Sequence[PhaseLog]) -> None:
    """Write one CSV row an evaluation; columns that a phase did not measure stay empty."""
    rows = [row for log in logs for row in log.rows]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def plot_training(path: Path, title: str, logs: Sequence[PhaseLog], measured: str) -> None:
    """Draw training and held-out loss over all phases, with each sense shuffled and masked, as PNG.

    Args:
        path: Path of the picture.
        title: What was trained.
        logs: One log a phase.
        measured: What the loss measures, in words.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    # Not by the settings of whoever trains, which may ask for LaTeX.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
        offset = 0
        bounds: list[int] = []
        for log in logs:
            step = [row["step"] + offset for row in log.rows]
            labels = ("training (weighted)", "held out, EMA") if not offset else (None, None)
            axes[0].plot(step, [row["train_loss"] for row in log.rows], color="0.6", lw=1, label=labels[0])
            axes[0].plot(
                step, [row["heldout_loss"] for row in log.rows], color="black", lw=1.6, label=labels[1]
            )
            offset += log.steps
            bounds.append(offset)
        _plot_senses(axes[1], logs)
        for axis in axes:
            axis.set_yscale("log")
            axis.set_xlabel("gradient step")
            axis.set_ylabel(measured)
            axis.grid(alpha=0.25, which="both")
            for bound in bounds[:-1]:
                axis.axvline(bound, color="0.4", ls=":", lw=1)
            axis.legend(fontsize=8)
        axes[0].set_title(title, fontsize=10)
        axes[1].set_title("held out: what each sense is worth", fontsize=10)
        figure.savefig(path, dpi=110)
        plt.close(figure)


def _plot_senses(axis: Any, logs: Sequence[PhaseLog]) -> None:
    colors = {"prop": "#0072B2", "vision": "#D55E00", "tactile": "#009E73"}
    offset = 0
    seen: set[str] = set()
    for log in logs:
        rows = [row for row in log.rows if any(key.startswith("shuffled_") for key in row)]
        step = [row["step"] + offset for row in rows]
        offset += log.steps
        series = {"true senses": ("heldout_loss", "black", "-")}
        for name in sorted(
            {key.removeprefix("shuffled_") for row in rows for key in row if "shuffled_" in key}
        ):
            color = colors.get(name, "0.4")
            series[f"{name} shuffled"] = (f"shuffled_{name}", color, "--")
            series[f"{name} masked"] = (f"masked_{name}", color, ":")
        for label, (key, color, style) in series.items():
            axis.plot(
                step,
                [row[key] for row in rows],
                color=color,
                ls=style,
                marker=".",
                ms=4,
                label=None if label in seen else label,
            )
            seen.add(label)
