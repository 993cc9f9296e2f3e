"""A picture of what a residual adds: denoising steps against joints, and the change of the predicted noise."""

from typing import TYPE_CHECKING

import numpy as np

from fdp_bench.diagnose.conditions import AS_IT_IS
from fdp_bench.diagnose.diagnosis import Diagnosis
from fdp_bench.report.figures.style import series_style, themed, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def contribution_figure(diagnosis: Diagnosis) -> "Figure":
    """Heat map of the added streams, where there are joints, beside the change of the predicted noise by condition."""
    from matplotlib.figure import Figure

    with themed():
        has_joints = bool(diagnosis.contributions[AS_IT_IS.name].joints)
        figure = Figure(figsize=(10.0 if has_joints else 5.5, 4.2), layout="constrained")
        panels = figure.subplots(1, 2 if has_joints else 1, squeeze=False)[0]
        if has_joints:
            _heat_map(panels[0], diagnosis)
        _curves(panels[-1], diagnosis)
        title = f"{diagnosis.policy} on {diagnosis.request.task_id}"
        caption = (
            f"{title}: what the residual adds to its base along the denoising of {diagnosis.source}. "
            "Left: norm of Z h_r over the norm of the base's stream. "
            "Right: norm of the change of the predicted noise over that of the base's prediction."
            if has_joints
            else f"{title}: norm of the residual's predicted noise over the base's."
        )
        figure.supxlabel(wrapped(caption, figure.get_size_inches()[0]), fontsize=8.5)
    return figure


def _heat_map(axes: "Axes", diagnosis: Diagnosis) -> None:
    added = diagnosis.contributions[AS_IT_IS.name]
    # Lightness alone tells the values apart, so it reads in grey and by the colour-blind.
    shown = axes.imshow(added.streams.T, aspect="auto", cmap="cividis", vmin=0.0)
    middle = float(added.streams.max()) / 2
    for (step, joint), value in np.ndenumerate(added.streams):
        color = "white" if value < middle else "black"
        axes.text(step, joint, f"{value:.2f}", ha="center", va="center", fontsize=7, color=color)
    axes.set_xticks(range(len(added.steps)), [str(step) for step in added.steps])
    axes.set_yticks(range(len(added.joints)), added.joints)
    axes.set_xlabel("diffusion step (noisy to clean)")
    axes.set_title("stream, residual over base", fontsize=10)
    assert axes.figure is not None
    axes.figure.colorbar(shown, ax=axes)


def _curves(axes: "Axes", diagnosis: Diagnosis) -> None:
    for number, (name, added) in enumerate(diagnosis.contributions.items()):
        style = series_style(number)
        axes.plot(
            added.noise,
            color=style.color,
            marker=style.marker,
            linestyle=style.line,
            label=name,
            markersize=4,
        )
        axes.set_xticks(range(len(added.steps)), [str(step) for step in added.steps])
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("diffusion step (noisy to clean)")
    axes.set_ylabel("change of predicted noise (ratio of norms)")
    axes.grid(axis="y", linewidth=0.6)
    axes.legend(frameon=False, fontsize=8)
    axes.set_title("predicted noise, residual over base", fontsize=10)
