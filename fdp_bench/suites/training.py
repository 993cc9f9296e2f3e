"""Training what a sweep lacks, through the same door as ``fdp-bench train``."""

from collections.abc import Callable, Sequence

from fdp_bench.api.errors import RunError
from fdp_bench.training.executor import train_all
from fdp_bench.training.job import Trained, TrainingJob
from fdp_bench.training.worker import train


def train_missing(
    jobs: Sequence[TrainingJob],
    *,
    parallel: int,
    started: Callable[[TrainingJob], None],
    done: Callable[[Trained], None],
) -> None:
    """Train everything; what an earlier call left half done goes on from there.

    Args:
        jobs: What is to be trained.
        parallel: Trainings at once; more than one train in processes of their own, with logs beside the weights.
        started: Called as a training begins.
        done: Called as one ends well.

    Raises:
        FdpBenchError: If a training fails; with several at once the others are finished first.
    """
    if parallel == 1:
        for job in jobs:
            started(job)
            done(train(job))
        return
    failed: list[Trained] = []

    def ended(trained: Trained) -> None:
        if trained.checkpoint is None:
            failed.append(trained)
        else:
            done(trained)

    for wave in waves(jobs):
        train_all(wave, parallel, started=started, done=ended)
    if failed:
        raise RunError(
            f"{len(failed)} of {len(jobs)} trainings failed, the others are kept; the first, {failed[0].job.name} in "
            f"{failed[0].job.out}: {failed[0].error}"
        )


def waves(jobs: Sequence[TrainingJob]) -> list[list[TrainingJob]]:
    """Split jobs so that none waits for what another of its wave makes as well.

    Policies of one folder may share a part, an FDP's base for instance, and so may the variants of a policy: the first
    variant trains it and the others take it over.
    """
    split: list[list[TrainingJob]] = []
    in_folder: dict[object, int] = {}
    first: dict[object, int] = {}
    for job in jobs:
        of_variants = (job.task.task_id, job.num_demos, job.seed, job.policy)
        wave = max(in_folder.get(job.out, -1) + 1, first.get(of_variants, -1) + 1)
        in_folder[job.out] = wave
        first.setdefault(of_variants, wave)
        split.extend([] for _ in range(wave + 1 - len(split)))
        split[wave].append(job)
    return split
