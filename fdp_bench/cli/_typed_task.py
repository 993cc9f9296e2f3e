"""A task as a person types it."""


def typed_task(name: str) -> str:
    """The id of a task behind ``--task``; its module may lie in the working folder, which no file may choose.

    Raises:
        SpecError: If there is no such task.
    """
    from fdp_bench.tasks import resolve_task
    from fdp_bench.tasks.external.modules import search_here_for

    task_id = resolve_task(name)
    search_here_for(task_id)
    return task_id
