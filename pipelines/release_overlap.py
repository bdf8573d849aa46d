"""How near a training that went on from an earlier release stayed to it."""

from pathlib import Path

from candidates.index import ItemIndex
from evaluation.diagnostics import list_overlap
from models.release.earlier_release import EarlierRelease
from models.release.release import load_item_tower
from models.towers import Towers
from pipelines.train_towers import TrainedTowers


def overlap_line(run: TrainedTowers, towers: Towers, earlier: EarlierRelease, releases: Path) -> str:
    """One line: the share of each user's earlier best items that is among the new ones.

    Both are asked about the users of the validation week, with the same features as of the cut; `towers` are those
    that are going to be released.
    """
    asked, ids, k = run.data.validation, run.week.item_ids, max(run.week.cutoffs)
    tower = load_item_tower(releases, earlier.release)
    before, _ = ItemIndex(ids, tower.vectors(asked.catalogue)).search(
        earlier.release.query_tower.vectors(asked.queries), k
    )
    now, _ = ItemIndex(ids, towers.item_vectors(asked.catalogue)).search(towers.query_vectors(asked.queries)[0], k)
    return (
        f"overlap {list_overlap(before, now):.4f}: the share of each user's top {k} by release "
        f"{earlier.release.version} that is in the new one ({run.week.users:,} users, "
        f"both as of {run.data.purchases.split.cut:%Y-%m-%d})"
    )
