"""The towers are refitted on the most recent days, the validation window included."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from features.errors import InputError

REFIT_DAYS = 20
SINCE = datetime(2020, 2, 10, tzinfo=UTC)  # 20 days before the release on 2020-03-01


@pytest.fixture
def refit(toy_store, trained, tmp_path, reporter, monkeypatch):
    """Refit the shared towers on 20 days; returns the refit, its rows, and what the reporter received."""
    from features.store.service_schema import TowerSchemas
    from features.training_data.training_set import write_training_sets
    from pipelines import refit
    from pipelines.training_stages import TrainingStages

    def refit_towers(change=lambda towers: towers):
        rows = []

        def spy(training_set, *others, **settings):
            rows.append(training_set.items.table())
            return change(real(training_set, *others, **settings))

        real = refit.fine_tune
        monkeypatch.setattr(refit, "fine_tune", spy)
        towers, config = trained.result.towers, trained.options.config
        stages = TrainingStages.of(towers.purchases.split, REFIT_DAYS)
        schemas = TowerSchemas(towers.towers.query.schema, towers.towers.item.schema)
        sets = write_training_sets(
            toy_store, schemas, towers.purchases, stages.in_order, tmp_path, settings=config, seed=1,
            progress=reporter.progress,
        )  # fmt: skip
        shorter = replace(towers, stages=stages, training_sets=tuple(sets))
        done = refit.refit_towers(shorter, config, tmp_path / "refit", seed=1, reporter=reporter)
        return done, rows[0]

    return refit_towers


def test_it_trains_on_the_last_days_the_validation_window_among_them(refit, toy_purchases, reporter):
    done, rows = refit()

    days = sorted({f"{moment:%Y-%m-%d}" for moment in rows["event_timestamp"].to_pylist()})
    purchases = [day for _, _, day, _ in toy_purchases if day >= "2020-02-10"]
    assert (days[0], days[-1], len(days)) == ("2020-02-10", "2020-02-29", REFIT_DAYS)
    assert rows.num_rows == done.purchases == len(purchases)
    assert done.since == SINCE
    assert reporter.results == [f"{len(purchases):,} purchases since 2020-02-10"]
    assert "mean cosine" in reporter.details[0]


def test_vectors_that_collapse_are_refused_with_the_first_day(refit):
    def broken(towers):
        for variable in towers.model.trainable_variables:
            variable.assign(variable * np.nan)
        return towers

    with pytest.raises(InputError, match="2020-02-10"):
        refit(broken)


def test_the_refitted_towers_start_from_the_validated_ones(trained):
    items = trained.result.towers.validation.inputs.catalogue
    validated = trained.result.towers.towers.item_vectors(items)
    refitted = trained.result.refitted_towers.item_vectors(items)

    def cosines(one, other):
        return (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)

    near = cosines(validated, refitted)
    far = cosines(validated, np.roll(refitted, 1, axis=0))
    assert near.min() < 0.9999  # trained further
    assert np.median(near) > np.median(far) + 0.2  # and not from random weights


def test_the_release_names_the_refit_and_keeps_its_diversity(trained):
    folder = trained.releases / trained.version
    manifest, metrics = (
        json.loads((folder / name).read_text(encoding="utf-8")) for name in ("manifest.json", "metrics.json")
    )

    assert manifest["rows"]["purchases_refitted"] == 4_975
    assert manifest["refit_start"] == "2019-10-27T00:00:00+00:00"
    assert manifest["seconds"]["refit"] > 0
    released, validated = metrics["released"]["diversities"], metrics["epochs"][0]["window_metrics"]["diversities"]
    assert set(released) == set(validated)
    assert released != validated
