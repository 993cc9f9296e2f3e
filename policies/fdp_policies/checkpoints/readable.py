"""What the encoders can read of a task, said before anything is trained."""

from fdp_bench.api import IMAGE_PREFIX, SpecError, TaskInfo
from fdp_policies.checkpoints.policy_spec import Architecture


def check_readable(architecture: Architecture, task: TaskInfo) -> None:
    """Refuse senses that an architecture's encoders cannot read.

    Args:
        architecture: What is to be trained.
        task: The task that shows them.

    Raises:
        SpecError: If frames are smaller than the square that is cut from them, or a sense holds no numbers.
    """
    crop = architecture.network.crop_size
    for name in architecture.modalities:
        for key in task.modalities[name]:
            shape = task.observation_shapes[key]
            if key.startswith(IMAGE_PREFIX) and min(shape[:2]) < crop:
                height, width = shape[:2]
                raise SpecError(
                    f"{architecture} cuts {crop}x{crop} pixels from each frame, and {key!r} of {task.task_id} has "
                    f"{width}x{height}; give larger frames, in the task's map for instance side = {crop + 4}"
                )
            if not all(shape):
                raise SpecError(
                    f"{architecture} reads {key!r}, and {task.task_id} shows no numbers there (shape {shape}); leave "
                    f"the modality {name!r} out of the policy's string"
                )
