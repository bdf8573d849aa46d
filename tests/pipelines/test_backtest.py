"""One cut of a backtest, with the shared training in place of one of its own."""

from datetime import UTC, datetime

import pytest

from candidates.filters.settings import FilterSettings
from features.progress import SILENT

CUT = datetime(2020, 2, 23, tzinfo=UTC)


@pytest.fixture
def result(trained, toy_store, tmp_path, monkeypatch):
    """The result of the cut, and the options of the trainings."""
    from pipelines import backtest

    options = []

    def train_release(_store, of_training, *_):
        options.append(of_training)
        return trained.result

    monkeypatch.setattr(backtest, "train_release", train_release)
    settings = backtest.BacktestOptions([CUT], FilterSettings(), seed=1, with_seed_preset=True, created=CUT)
    return backtest.evaluate_cut(toy_store, settings, CUT, tmp_path, SILENT), options


def test_a_release_is_trained_up_to_the_cut_and_the_preset_seed_without_blender_and_rankers(result):
    _, (release, seed) = result

    assert (release.config.preset, release.ranker_weeks, release.split.as_of) == ("default", 4, CUT)
    assert (seed.config.preset, seed.ranker_weeks, seed.split.as_of) == ("seed", 0, CUT)
    assert release.release is seed.release is None  # no gate, nothing is written


def test_the_preset_seed_is_a_baseline(result):
    of_cut, _ = result

    assert list(of_cut["models"])[:3] == ["blended candidates", "ranked candidates", "two towers"]
    assert list(of_cut["models"])[-1] == "two towers, preset seed"
    assert list(of_cut["comparisons"]["two towers"])[-1] == "two towers, preset seed"


def test_results_are_yielded_after_each_cut_and_large_files_removed(toy_store, tmp_path, monkeypatch):
    from pipelines import backtest

    cuts = [datetime(2020, 2, day, tzinfo=UTC) for day in (16, 23)]
    monkeypatch.setattr(backtest, "evaluate_cut", lambda _store, _options, cut, *_: f"{cut:%m-%d}")
    monkeypatch.setattr(backtest, "combine_windows", lambda run, _, windows: (run["seed"], list(windows)))
    options = backtest.BacktestOptions(cuts, FilterSettings(), seed=5, with_seed_preset=False, created=CUT)

    yielded = list(backtest.backtest(toy_store, options, tmp_path))

    assert yielded == [(5, ["02-16"]), (5, ["02-16", "02-23"])]
    assert list(tmp_path.iterdir()) == []
