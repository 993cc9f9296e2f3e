"""How demonstrations of a task are made, for messages about those that are not there."""

from fdp_bench.tasks import TASKS


def way_to(
    what: str, task_id: str | None, *, num: int | None = None, profile: str = "fast", out: object = "FILE"
) -> str:
    """Say how to do something about missing demonstrations.

    Args:
        what: What is to be done, for instance ``"make it"``.
        task_id: Gymnasium id of the task; None for any.
        num: How many demonstrations.
        profile: Render profile of their frames.
        out: Where they go.

    Returns:
        ``"make it with: fdp-bench demos collect --task Lift --num-demos 200 --out lift.hdf5"``; for a task that no
        scripted expert can show, how to record one's own.
    """
    task = TASKS.get(task_id or "fdp_bench/Lift-v1")
    if task is None:
        return f"{what} with fdp_bench.demos.record, by a policy of your own (fdp_bench/tasks/README.md)"
    words = [f"{what} with: fdp-bench demos collect --task {task.short_name}"]
    words += [f"--num-demos {num}"] if num else []
    words += [f"--profile {profile}"] if profile != "fast" else []
    return " ".join([*words, f"--out {out}"])
