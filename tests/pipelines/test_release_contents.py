"""The metrics that a release records."""

from types import SimpleNamespace

import pytest

from evaluation.diagnostics import VectorDiversity
from evaluation.validation_window import WindowMetrics

DIVERSITY = VectorDiversity(mean_cosine=0.25, effective_rank=3.5, distinct_items=20, k=12, queries=9, dimensions=4)


def metrics_of(recall):
    return WindowMetrics(
        recalls={12: recall},
        new_item_recalls={},
        excluding_bought_recalls={},
        diversities={"query": DIVERSITY},
    )


@pytest.fixture(scope="module")
def metrics():
    from models.training.history import Epoch, TrainingHistory
    from pipelines.gate import Gate
    from pipelines.list_models import ListModels
    from pipelines.release_contents import release_metrics

    epochs = Epoch(1, 2.5, metrics_of(0.5)), Epoch(2, 2.25, metrics_of(0.25))
    ranker = SimpleNamespace(to_json=lambda: {"ranked": False})
    return release_metrics(
        SimpleNamespace(
            training_history=TrainingHistory(epochs, epochs[0]),
            metrics=metrics_of(0.375),
            baselines={"last week's bestsellers": metrics_of(0.125)},
        ),
        ListModels(
            gate=Gate(passed=True, text="gate passed"),
            served=SimpleNamespace(to_json=lambda: {"blended": {"recall@12": 0.75}}),
            blenders=SimpleNamespace(),
            rankers=SimpleNamespace(keep=ranker, drop=ranker),
        ),
        SimpleNamespace(diversities={"query": DIVERSITY}),
    )


def test_metrics_hold_epochs_baselines_diversities_and_the_selection_of_the_rankers(metrics):
    assert metrics["best_epoch"] == 1
    assert [(epoch["number"], epoch["loss"]) for epoch in metrics["epochs"]] == [(1, 2.5), (2, 2.25)]
    assert metrics["epochs"][0]["window_metrics"]["recalls"] == {12: 0.5}
    assert metrics["validated"]["recalls"] == {12: 0.375}
    assert metrics["baselines"]["last week's bestsellers"]["recalls"] == {12: 0.125}
    assert metrics["released"]["diversities"]["query"]["effective_rank"] == 3.5
    assert metrics["gate"]["passed"] is True
    assert metrics["served"] == {"blended": {"recall@12": 0.75}}
    assert metrics["rankers"] == {"keep": {"ranked": False}, "drop": {"ranked": False}}


def test_metrics_hold_no_recalls_of_single_users(metrics):
    means = {"recalls", "new_item_recalls", "excluding_bought_recalls", "interval", "failed_checks", "diversities"}
    assert metrics["epochs"][0]["window_metrics"].keys() == means
    assert "user_recall" not in metrics["epochs"][0]["window_metrics"]
    assert "user_recall" not in metrics["baselines"]["last week's bestsellers"]
