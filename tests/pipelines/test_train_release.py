"""One training: its stages, the table of what would be served, and what is left out by options."""

import json
from dataclasses import replace

import numpy as np
import pytest

from features.errors import InputError


def test_the_stages_are_reported_in_order_with_their_results(trained):
    reporter = trained.reporter

    assert [stage.split()[0] for stage in reporter.stages] == ["train", "retrieve", "fit", "refit"]
    assert reporter.results[0].startswith("epoch 1, loss ")
    assert reporter.results[1].startswith("gate passed")
    assert any(line.startswith("last week's bestsellers: recall@12 ") for line in reporter.details)


def test_served_lists_and_baselines_are_evaluated_on_the_validation_window(trained):
    served = trained.result.models.served

    assert set(served.values) == {
        "blended candidates",
        "two towers",
        "own purchases by frequency",
        "last week's bestsellers",
    }
    assert (served.users, len(served.new_users), served.metrics) == (199, 199, ("recall@12", "map@12"))
    # In the last week of the toy data everybody buys only items that are new to them.
    assert served.mean("blended candidates", "new", "recall@12") > 2 * served.mean(
        "last week's bestsellers", "new", "recall@12"
    )


def test_baselines_and_towers_have_the_metrics_of_the_validation_of_the_towers(trained):
    towers, served = trained.result.towers, trained.result.models.served
    models = {**towers.baselines, "two towers": towers.metrics}

    for name, window_metrics in models.items():
        assert served.mean(name, "all", "recall@12") == pytest.approx(window_metrics.recalls[12])
        assert served.mean(name, "new", "recall@12") == pytest.approx(window_metrics.new_item_recalls[12])


def test_the_table_has_a_row_for_each_model_the_served_lists_first(trained):
    from pipelines.served_metrics import served_table

    served = trained.result.served
    table = served_table(served)

    assert table.rows[0][0] == "blended candidates"
    assert {row[0] for row in table.rows} == set(served.values)
    assert {"recall@12", "MAP@12"} < set(table.columns)
    assert "199 users" in served.window
    assert "in retrieval order" in trained.reporter.results[-2]


def test_the_metrics_record_the_gate_and_the_served_lists(trained):
    metrics = json.loads((trained.releases / trained.version / "metrics.json").read_text(encoding="utf-8"))
    served = trained.result.served

    assert metrics["gate"]["passed"] is True
    assert (metrics["served"]["users"], metrics["served"]["users_new"]) == (199, 199)
    for name, protocols in metrics["served"]["models"].items():
        assert protocols["new"]["map@12"] == served.mean(name, "new", "map@12")


def test_a_release_without_a_blender_is_refused(trained):
    with pytest.raises(ValueError, match="ranker_weeks"):
        replace(trained.options, ranker_weeks=0)


def test_the_manifest_records_options_and_rows(trained):
    manifest = json.loads((trained.releases / trained.version / "manifest.json").read_text(encoding="utf-8"))

    assert (manifest["as_of"], manifest["cut"]) == ("2020-03-01T00:00:00+00:00", "2020-02-23T00:00:00+00:00")
    assert (manifest["config"]["epochs"], manifest["seed"], manifest["warm_start_from"]) == (1, 1, None)


def test_towers_alone_are_trained_and_refitted_without_blender_and_contents(toy_store, trained, tmp_path, reporter):
    from pipelines.train_release import train_release

    options = replace(trained.options, ranker_weeks=0, release=None)

    result = train_release(toy_store, options, tmp_path, reporter)

    assert [stage.split()[0] for stage in reporter.stages] == ["train", "refit"]
    assert result.contents is None
    with pytest.raises(ValueError, match="blenders"):
        _ = result.models.fitted
    catalogue = trained.result.towers.validation.inputs.catalogue
    same = result.refitted_towers.item_vectors(catalogue) == trained.result.refitted_towers.item_vectors(catalogue)
    assert same.all()  # one seed, whatever else runs


def test_a_failed_gate_stops_before_the_refit_only_if_it_is_required(trained, toy_store, tmp_path, monkeypatch):
    from pipelines import gate, list_models, train_release

    monkeypatch.setattr(train_release, "train_towers", lambda *_, **__: trained.result.towers)
    monkeypatch.setattr(list_models, "evaluate_gate", lambda *_: gate.Gate(passed=False, text="gate"))
    monkeypatch.setattr(train_release, "refit_towers", lambda *_, **__: trained.result.refit)

    def trained_with(folder, *, require_better):
        (tmp_path / folder).mkdir()
        options = replace(trained.options, release=replace(trained.options.release, require_better=require_better))
        return train_release.train_release(toy_store, options, tmp_path / folder)

    stopped, released = (trained_with(f"{required}", require_better=required) for required in (True, False))

    assert (stopped.refit, stopped.contents, stopped.models.blenders) == (None, None, None)
    assert "blended candidates" in stopped.served.values
    with pytest.raises(InputError, match="gate"):
        _ = stopped.release
    assert released.release is released.contents


def test_a_ranker_reorders_the_blended_lists_of_the_validation_window(toy_store, trained, validation):
    from types import SimpleNamespace

    from candidates.ranking.ranker import Ranker
    from candidates.ranking.training_examples import TrainingExamples
    from pipelines.cross_fit import cross_fitted
    from pipelines.served_metrics import add_ranked, retrieval_metrics
    from pipelines.week_features import WeekFeatures

    week, sources = validation
    blended, features = cross_fitted(week), WeekFeatures.read(toy_store, week)
    served = retrieval_metrics(week, sources, blended, trained.result.towers.window.cutoffs)
    examples = TrainingExamples(features.pairs(blended.keep), week.bought, np.arange(served.users))
    chosen = SimpleNamespace(validated=Ranker.fit(examples, seed=1))  # it has seen the window, and must be better

    add_ranked(served, blended, features, SimpleNamespace(keep=chosen, drop=SimpleNamespace(validated=None)))

    assert served.mean("ranked candidates", "all", "map@12") > served.mean("blended candidates", "all", "map@12")
    assert served.mean("ranked candidates", "new", "map@12") == served.mean("blended candidates", "new", "map@12")
