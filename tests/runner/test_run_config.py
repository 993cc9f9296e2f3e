import pytest

from fdp_bench.api import RunError, SpecError
from fdp_bench.runner.config import BATCH_ROWS, GPU_BATCH_ROWS, RunConfig


def config(**changes):
    return RunConfig(**{"task": "t", "policies": ("dp-dit",), "shifts": ("color@3",), **changes})


def test_a_configuration_survives_json():
    assert RunConfig.from_json(config(seed=3).to_json()) == config(seed=3)


@pytest.mark.parametrize(("device", "rows"), [("cpu", BATCH_ROWS), ("cuda", GPU_BATCH_ROWS)])
def test_the_device_decides_the_rows_of_a_batch(device, rows):
    assert config(device=device).batch_rows == rows
    assert config(device=device, batch_rows=7).batch_rows == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"episodes": 0},
        {"seed": -1},
        {"videos": -1},
        {"workers": 0},
        {"lanes": 0},
        {"batch_rows": -1},
        {"lanes": BATCH_ROWS + 1},
        {"policies": ()},
    ],
)
def test_nonsense_is_refused(changes):
    with pytest.raises(SpecError, match=next(iter(changes)).replace("policies", "policy")):
        config(**changes)


@pytest.mark.parametrize("change", [lambda data: data.pop("seed"), lambda data: data.update(novelty=1)])
def test_another_versions_configuration_is_refused(change):
    data = config().to_json()
    change(data)

    with pytest.raises(RunError, match="another version"):
        RunConfig.from_json(data)
