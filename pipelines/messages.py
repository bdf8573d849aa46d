"""What jobs print of numbers."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from itertools import chain
from typing import Any

import pyarrow as pa
from tabulate import tabulate

from evaluation.diagnostics import VectorDiversity
from evaluation.validation_window import WindowMetrics
from features.schema import RANK, RANKING_SCORE, RETRIEVAL_RANK, SCORE, SOURCES
from models.training.history import Epoch, TrainingHistory
from pipelines.steps import Step


def variety_line(diversities: dict[str, VectorDiversity]) -> str:
    """One line on whether the query vectors are different from each other."""
    told = [
        f"{name}: mean cosine {of.mean_cosine:.3f}, effective rank {of.effective_rank:.1f} of {of.dimensions}, "
        f"{of.distinct_items:,} items in the top {of.k} of {of.queries:,} users"
        for name, of in diversities.items()
    ]
    return f"  {'; '.join(told) or 'no vectors to compare'}"


def refit_line(since: datetime, purchases: int, diversities: dict[str, VectorDiversity]) -> str:
    """Lines for what is going to be released."""
    return f"refit on {purchases:,} purchases since {since:%Y-%m-%d}\n{variety_line(diversities)}"


def epoch_line(epoch: Epoch) -> str:
    """One line for a finished epoch: its recalls, or why they are none."""
    return f"epoch {epoch.number}, loss {epoch.loss:.4f}: {recalls(epoch.window_metrics)}"


def baseline_line(name: str, window_metrics: WindowMetrics) -> str:
    """One line for a simple list."""
    return f"{name}: {recalls(window_metrics)}"


def recalls(window_metrics: WindowMetrics) -> str:
    """A judgement in words."""
    if window_metrics.failed_checks:
        return f"FAULT. {' '.join(window_metrics.failed_checks)}"
    told = [f"recall@{k} {_shown(value)}" for k, value in window_metrics.recalls.items()]
    if window_metrics.new_item_recall is not None:
        told.append(f"recall@{max(window_metrics.recalls)} of new items {_shown(window_metrics.new_item_recall)}")
    return ", ".join(told)


def recall_table(
    preset: str, training_history: TrainingHistory, baselines: dict[str, WindowMetrics], users: int
) -> str:
    """The kept epoch beside the simple lists, on the same users and the whole catalogue."""
    judged = {
        f"two towers, preset {preset} (epoch {training_history.best.number})": training_history.best.window_metrics,
        **baselines,
    }
    cutoffs = list(training_history.best.window_metrics.recalls)
    header = ["", *(f"recall@{k}" for k in cutoffs), "95 % interval", *(f"recall@{k} new items" for k in cutoffs)]
    body = [
        [
            name,
            *(_shown(window_metrics.recalls[k]) for k in cutoffs),
            "{:.3f}-{:.3f}".format(*window_metrics.interval or (0, 0)),
            *(_shown(window_metrics.new_item_recalls.get(k)) for k in cutoffs),
        ]
        for name, window_metrics in judged.items()
    ]
    table = tabulate(body, headers=header, disable_numparse=True)
    best, k = training_history.best.window_metrics, max(cutoffs)
    return (
        f"\nThe days after the cut, {users:,} users, whole catalogue:\n\n{table}\n\n"
        f"Dropping what a user bought before takes recall@{k} from {best.recall:.4f} "
        f"to {best.excluding_bought_recalls[k]:.4f}.\n"
    )


def _shown(recall: float | None) -> str:
    """A recall of exactly 0 or 1 says more about the question than about the answer: it is not shown as a number."""
    if recall is None:
        return "-"
    return {0.0: "none hit", 1.0: "all hit"}.get(recall, f"{recall:.4f}")


def candidate_table(user: str, rows: pa.Table, names: list[str], bought: list[str]) -> str:
    """One user's candidates with names, beside what the user bought last.

    Args:
        user: the id.
        rows: with the schema `candidates.candidate_file.CANDIDATES`.
        names: of the candidates, one for each row.
        bought: names of items, the last bought first.
    """
    last = [(name or "")[:32] for name in bought[: len(names)]]
    return _listed(user, _places(rows, names) | _order(rows) | _origins(rows) | {"bought last": last})


def request_line(version: str, moment: datetime, filters: dict[str, str]) -> str:
    """Lines on what is asked, and of the filters in force why each drops a candidate."""
    told = "".join(f"\n  {name}: {reason}" for name, reason in filters.items())
    return f"release {version} as of {moment:%Y-%m-%d %H:%M} UTC, filters in force:{told or ' none'}"


def exclusion_line(exclusions: Mapping[str, int], users: int, items: int) -> str:
    """How much of all that could be shown each filter bars, given pairs of user and item by its name."""
    counts = [f"{name} {count:,} ({count / (users * items):.2%})" for name, count in exclusions.items()]
    return f"of {users:,} users x {items:,} items filters bar: {', '.join(counts) or 'nothing, none is in force'}"


def step_table(
    user: str, step: Step, asked: int, rows: pa.Table, names: list[str], dropped_by: list[list[str]] | None = None
) -> str:
    """What one of the three steps leaves to one user: a line on all of it, and the first rows as a table.

    Args:
        user: the id.
        step: which one.
        asked: how many candidates it was asked for.
        rows: with the schema `candidates.candidate_file.CANDIDATES`.
        names: of the candidates in the first rows, which are those shown.
        dropped_by: the names of the filters that drop each of `rows`; None after the first step.
    """
    shown = rows.slice(0, len(names))
    columns = _places(shown, names) | (_order(shown) if step == "rank" else {}) | _origins(shown)
    if dropped_by is not None:
        columns |= {"dropped by": [", ".join(reasons) for reasons in dropped_by[: len(names)]]}
    return _listed(user, columns, f"{_step_line(step, asked, rows, dropped_by)}\n")


def _step_line(step: Step, asked: int, rows: pa.Table, dropped_by: list[list[str]] | None) -> str:
    given = f"{step}: {len(rows):,} candidates of {asked:,} asked for"
    if step == "rank":
        ranked = len(rows) > rows[RANKING_SCORE].null_count
        return f"{given}, in {'the ranker' if ranked else 'retrieval'}'s order"
    if dropped_by is None:
        return f"{given}, all of which may be shown"
    by = ", ".join(f"{name} {count:,}" for name, count in Counter(chain(*dropped_by)).most_common())
    return f"{given}, as if no filter were in force; {sum(map(bool, dropped_by)):,} will be dropped{by and f' ({by})'}"


def _listed(user: str, columns: dict[str, list[Any]], said: str = "") -> str:
    return f"\nuser {user}\n{said}\n{tabulate(columns, headers='keys', disable_numparse=True)}"


def _places(rows: pa.Table, names: list[str]) -> dict[str, list[Any]]:
    return {"rank": rows[RANK].to_pylist(), "candidate": [(name or "")[:44] for name in names]}


def _order(rows: pa.Table) -> dict[str, list[Any]]:
    """Where retrieval had put the candidates, and what a ranker said of them, if one was asked."""
    scores = rows[RANKING_SCORE]
    said = {} if scores.null_count == len(scores) else {"ranking score": _scores(scores)}
    return said | {"retrieval rank": rows[RETRIEVAL_RANK].to_pylist()}


def _origins(rows: pa.Table) -> dict[str, list[Any]]:
    return {"log odds": _scores(rows[SCORE]), "listed by": [", ".join(names) for names in rows[SOURCES].to_pylist()]}


def _scores(column: pa.ChunkedArray) -> list[str]:
    return ["" if score is None else f"{score:.2f}" for score in column.to_pylist()]
