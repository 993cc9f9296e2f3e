"""Every shift that the package's entry points name keeps the rules: on a toy, and on each task."""

import pytest
from corruptions_shown import TouchToy

from fdp_bench.plugins import shift_plugins
from fdp_bench.report.shift_previews.tables import variants
from fdp_bench.runner.rollout.environment import make_base
from fdp_bench.tasks import TASKS
from fdp_bench.testing import check_shift

KINDS = [plugin.load() for plugin in shift_plugins().values() if plugin.distribution == "fdp-bench"]
every_shift = pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param(kind, options, id=text)
        for kind in KINDS
        for text, options in zip(variants(kind), kind.shown_options, strict=True)
    ],
)


@pytest.fixture(scope="module", params=TASKS)
def task(request):
    """Built once for all shifts: seconds each."""
    env = make_base(request.param)
    yield env
    env.close()


@every_shift
def test_it_keeps_the_rules_on_a_toy_with_all_senses(kind, options):
    # The toy's camera on its gripper has another name.
    named = {key: value.replace("wrist", "hand") for key, value in options.items()}
    check_shift(kind, TouchToy(), options=named)


@pytest.mark.slow
@every_shift
def test_it_keeps_the_rules_on_each_task(task, kind, options):
    check_shift(kind, task, options=options)
