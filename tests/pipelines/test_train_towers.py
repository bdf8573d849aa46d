"""No stage of a training knows anything of the time after its end."""

from datetime import UTC, datetime

import numpy as np
import pytest
from fixtures.raw_files import copy_with_other_sales

AS_OF = datetime(2020, 2, 23, tzinfo=UTC)  # the toy data end a week later
ENDS = {"first": "2020-01-26", "recent": "2020-02-16", "refit": "2020-02-23"}


@pytest.fixture(scope="module")
def weights_of(tmp_path_factory):
    """The weights after each stage of a training with all ranker weeks that there are, one epoch each."""
    from dataclasses import replace

    from features.store.registry import open_feature_store
    from features.time_split import TimeSplit
    from models.config import DEFAULT
    from pipelines.refit import refit_towers
    from pipelines.train_towers import train_towers

    def weights_of(project):
        folder = tmp_path_factory.mktemp("staged")
        config, split = replace(DEFAULT, epochs=1), TimeSplit.for_release(AS_OF)
        trained = train_towers(open_feature_store(project.repo), config, split, folder, seed=1, ranker_weeks=4)
        ends = [f"{stage.cut:%Y-%m-%d}" for stage in trained.stages.in_order]
        assert ends == list(ENDS.values())
        refit = refit_towers(trained, config, folder / "refit", seed=1)
        checkpoints = (trained.first_stage, trained.towers.checkpoint, refit.towers.checkpoint)
        return {name: checkpoint.weights for name, checkpoint in zip(ENDS, checkpoints, strict=True)}

    return weights_of


@pytest.fixture(scope="module")
def weights(weights_of, toy):
    return weights_of(toy)


@pytest.fixture
def with_other_future(applied_project, toy):
    """The toy data with another future: half of the users buy nothing, the others other items at another price."""

    def other_item(item):
        return f"{108_775_001 + (int(item) * 7 + 3) % 60:010d}"

    def with_other_future(day):
        def change(rows):
            later = [
                [row[0], row[1], other_item(row[2]), "9.5", "1"] for row in rows if row[0] >= day and row[1] < "0100"
            ]
            return [*(row for row in rows if row[0] < day), *later]

        return applied_project(f"other_future_{day}", lambda folder: copy_with_other_sales(toy.raw, folder, change))

    return with_other_future


@pytest.mark.parametrize("stage", ENDS)
def test_purchases_after_the_end_of_a_stage_change_no_bit_of_its_weights(stage, weights, weights_of, with_other_future):
    others = weights_of(with_other_future(ENDS[stage]))

    names = list(ENDS)
    unchanged, changed = names[: names.index(stage) + 1], names[names.index(stage) + 1 :]
    for name in unchanged:
        assert weights[name].keys() == others[name].keys()
        for weight, values in weights[name].items():
            np.testing.assert_array_equal(others[name][weight], values, weight)
    for name in changed:
        assert not all(np.array_equal(others[name][weight], values) for weight, values in weights[name].items())
