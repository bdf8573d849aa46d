"""One cut of an evaluation: trained up to it as a release is, judged by the week after it, beside the simple lists."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from feast import FeatureStore

from evaluation.baselines import baselines
from evaluation.comparisons import differences_of
from evaluation.results import CutResult, EpochRow
from evaluation.scoreboard import Scoreboard
from features.time_split import TimeSplit
from jobs.item_map import item_map
from jobs.judging import TestWeek, fused_lists, two_tower_lists, where_from
from jobs.reports import epoch_line
from jobs.training_run import training_run
from models.config import DEFAULT, SEED
from models.curve import Curve
from retrieval.sources import DEPTH

FUSED = "fused candidates"
TWO_TOWERS = "two towers"
PRESET_SEED = "two towers, preset seed"


def evaluate_cut(
    store: FeatureStore, split: TimeSplit, folder: Path, *, seed: int, with_seed: bool, draws_map: bool,
    say: Callable[[str], None],
) -> CutResult:  # fmt: skip
    """Train at a cut, judge the week after it.

    Args:
        store: an applied feature store.
        split: of the release at the cut.
        folder: an empty folder.
        seed: of draws, weights and shuffling.
        with_seed: whether the preset `seed` is trained beside.
        draws_map: whether the item vectors are laid out.
        say: called with a sentence for each finished step.
    """
    run = training_run(
        store, DEFAULT, split, _made(folder / "default"), seed=seed, say=lambda epoch: say(epoch_line(epoch))
    )
    test = TestWeek.after(store, split, _made(folder / "test"))
    queries, sources = test.queries(store, run.towers, split), test.sources(store, run.towers, split)
    judge = Scoreboard.of(test.week, test.past, test.user_codes, seed)
    say(judge.take(fused_lists(FUSED, queries, sources, run.fusions)))
    say(judge.take(two_tower_lists(TWO_TOWERS, queries, sources)))
    past, cut = test.past, test.week.cut
    simple = []
    for lists in baselines(past, cut, test.user_codes, len(test.item_ids), DEPTH, test.week.bought):
        say(judge.take(lists))
        simple.append(lists.name)
    if with_seed:
        seeded = replace(split, start=None)
        other = training_run(store, SEED, seeded, _made(folder / "seed"), seed=seed, say=lambda _: None).towers
        asked, listed = test.queries(store, other, split), test.sources(store, other, split)
        say(judge.take(two_tower_lists(PRESET_SEED, asked, listed)))
        simple.append(PRESET_SEED)
    return {
        "cut": f"{split.as_of:%Y-%m-%d}",
        "users": test.week.users,
        "users_new": len(judge.new_rows),
        "models": judge.models,
        "differences": differences_of(
            judge.measured, judge.draws, (FUSED, TWO_TOWERS), tuple(simple), f"recall@{judge.k}"
        ),
        "sources": where_from(queries, sources, run.fusions, test.week),
        "curve": _curve(run.curve),
        "map": item_map(store, test.item_ids, sources.index.vectors, judge.sold, split.as_of) if draws_map else None,
    }


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _curve(curve: Curve) -> list[EpochRow]:
    return [
        {
            "epoch": epoch.number,
            "loss": epoch.loss,
            "recall": None if epoch.judgement.faults else epoch.judgement.recall,
            "new_recall": None if epoch.judgement.faults else epoch.judgement.new_recall,
        }
        for epoch in curve.epochs
    ]
