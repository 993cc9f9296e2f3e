"""Golden records of the tasks: ``python -m tests.golden [TASK ...] [--write]``.

A record holds stored actions, the states that they led to and pictures along the way, with the versions and the
processor that they were made with. Without ``--write`` episodes are played again and compared, as the tests do; with
it they are recorded anew, for a change of numbers that is meant. The exit code is 1 if something moved.
"""

import argparse
import sys

from fdp_bench.sim.gl import prepare_environment

from .episodes import TASKS


def main() -> int:
    """Record, or compare and say what moved."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__.partition("\n")[0])
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(TASKS)} (default: all)")
    parser.add_argument("--write", action="store_true", help="record what is played now")
    args = parser.parse_args()
    for task in args.tasks:
        if task not in TASKS:
            parser.error(f"task {task!r} is not known; choose from {', '.join(TASKS)}")
    prepare_environment()
    work = write if args.write else show
    done = [work(task) for task in args.tasks or TASKS]
    return 0 if all(done) else 1


def write(task: str) -> bool:
    """Record a task's episode."""
    from .episodes import choose_actions, play
    from .record import write as write_record

    actions = choose_actions(task)
    path = write_record(task, actions, play(task, actions))
    print(
        f"{task}: {len(actions)} control steps, {path.stat().st_size / 1000:.0f} kB, {path.name}", flush=True
    )
    return True


def show(task: str) -> bool:
    """Play a task's episode again and say by how much it moved."""
    import numpy as np

    from .compare import circumstances, moved_pictures, moved_states, picture_difference
    from .episodes import play
    from .record import read

    golden = read(task)
    played = play(task, golden.actions)
    moved = [
        f"{stepper}: {text}"
        for stepper, states in played.states.items()
        if (text := moved_states(states, golden))
    ]
    moved += moved_pictures(played, golden)
    off = {
        stepper: np.abs(states - golden.states).max() if states.shape == golden.states.shape else np.inf
        for stepper, states in played.states.items()
    }
    pictures = [
        picture_difference(played.pictures[name], recorded)
        for name, recorded in golden.pictures.items()
        if name in played.pictures
    ]
    states = ", ".join(f"{value:.1e} ({stepper})" for stepper, value in off.items())
    print(
        f"{task}: {'moved; ' if moved else ''}states off by at most {states}; "
        f"pictures by {max(mean for mean, _, _ in pictures):.3f} levels on average, in "
        f"{max(share for _, share, _ in pictures):.2%} of the pixels far",
        flush=True,
    )
    for text in moved:
        print(f"  {text}")
    if moved:
        print(f"  {circumstances(played, golden)}")
    return not moved


if __name__ == "__main__":
    sys.exit(main())
