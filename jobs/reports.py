"""What jobs print of numbers."""

from datetime import datetime
from itertools import zip_longest

import pyarrow as pa
from tabulate import tabulate

from evaluation.validation_week import Judgement
from evaluation.variety import Variety
from features.schema import RANK, SCORE, SOURCES
from models.curve import Curve, Epoch


def variety_line(varieties: dict[str, Variety]) -> str:
    """One line on whether the query vectors are different from each other."""
    told = [
        f"{name}: mean cosine {of.mean_cosine:.3f}, effective rank {of.effective_rank:.1f} of {of.dimensions}, "
        f"{of.distinct_items:,} items in the top {of.k} of {of.queries:,} users"
        for name, of in varieties.items()
    ]
    return f"  {'; '.join(told) or 'no vectors to compare'}"


def refit_line(since: datetime, purchases: int, varieties: dict[str, Variety]) -> str:
    """Lines for what is going to be released."""
    return f"refit on {purchases:,} purchases since {since:%Y-%m-%d}\n{variety_line(varieties)}"


def epoch_line(epoch: Epoch) -> str:
    """One line for a finished epoch: its recalls, or why they are none."""
    return f"epoch {epoch.number}, loss {epoch.loss:.4f}: {recalls(epoch.judgement)}"


def baseline_line(name: str, judgement: Judgement) -> str:
    """One line for a simple list."""
    return f"{name}: {recalls(judgement)}"


def recalls(judgement: Judgement) -> str:
    """A judgement in words."""
    if judgement.faults:
        return f"FAULT. {' '.join(judgement.faults)}"
    told = [f"recall@{k} {_shown(value)}" for k, value in judgement.recalls.items()]
    if judgement.new_recall is not None:
        told.append(f"recall@{max(judgement.recalls)} of new items {_shown(judgement.new_recall)}")
    return ", ".join(told)


def recall_table(preset: str, curve: Curve, baselines: dict[str, Judgement], users: int) -> str:
    """The kept epoch beside the simple lists, on the same users and the whole catalogue."""
    judged = {f"two towers, preset {preset} (epoch {curve.best.number})": curve.best.judgement, **baselines}
    cutoffs = list(curve.best.judgement.recalls)
    header = ["", *(f"recall@{k}" for k in cutoffs), "95 % interval", *(f"recall@{k} new items" for k in cutoffs)]
    body = [
        [
            name,
            *(_shown(judgement.recalls[k]) for k in cutoffs),
            "{:.3f}-{:.3f}".format(*judgement.interval or (0, 0)),
            *(_shown(judgement.new_recalls.get(k)) for k in cutoffs),
        ]
        for name, judgement in judged.items()
    ]
    table = tabulate(body, headers=header, disable_numparse=True)
    best, k = curve.best.judgement, max(cutoffs)
    return (
        f"\nThe days after the cut, {users:,} users, whole catalogue:\n\n{table}\n\n"
        f"Dropping what a user bought before takes recall@{k} from {best.recall:.4f} "
        f"to {best.dropped_recalls[k]:.4f}.\n"
    )


def _shown(recall: float | None) -> str:
    """A recall of exactly 0 or 1 says more about the question than about the answer: it is not shown as a number."""
    if recall is None:
        return "-"
    return {0.0: "none hit", 1.0: "all hit"}.get(recall, f"{recall:.4f}")


def candidate_table(user: str, rows: pa.Table, names: list[str], bought: list[str]) -> str:
    """One user's candidates with names, beside what the user bought last."""
    columns = (rows[column].to_pylist() for column in (RANK, SCORE, SOURCES))
    body = [
        (rank, (name or "")[:44], "" if score is None else f"{score:.2f}", ", ".join(sources or ()), (last or "")[:32])
        for rank, score, sources, name, last in zip_longest(*columns, names, bought[: len(names)])
    ]
    headers = ["rank", "candidate", "log odds", "listed by", "bought last"]
    return f"\nuser {user}\n\n{tabulate(body, headers=headers, disable_numparse=True)}"
