"""Training as a list of jobs: which policies, on how many demonstrations, with which seeds, some at a time.

`plan_jobs` spells a sweep out as `TrainingJob` values, `train_all` trains them in processes of their own, and
`fdp_bench.training.worker.train` trains one in this process. A `Trained` says what came of each, checkpoint included.
"""

from fdp_bench.training.executor import default_parallel, train_all
from fdp_bench.training.job import FAILED, THERE_ALREADY, TRAINED, Trained, TrainingJob, plan_jobs

__all__ = [
    "FAILED",
    "THERE_ALREADY",
    "TRAINED",
    "Trained",
    "TrainingJob",
    "default_parallel",
    "plan_jobs",
    "train_all",
]
