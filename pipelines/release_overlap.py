"""How much a warm-started release changes the lists of the release it started from."""

from pathlib import Path

from candidates.index import ItemIndex
from evaluation.diagnostics import list_overlap
from models.release.earlier_release import EarlierRelease
from models.release.release import load_item_tower
from models.towers import Towers
from pipelines.train_towers import TrainedTowers


def overlap_line(trained: TrainedTowers, towers: Towers, earlier: EarlierRelease, releases: Path) -> str:
    """Return a line with the share of each user's earlier top k that is in the new top k.

    Both releases retrieve for the users of the validation window, with the same features as of the cut.

    Args:
        trained: the training, for its validation window.
        towers: the towers to be released.
        earlier: the release from which the training started.
        releases: folder of the releases.
    """
    validation, ids, k = trained.data.validation, trained.window.item_ids, max(trained.window.cutoffs)
    item_tower = load_item_tower(releases, earlier.release)
    before, _ = ItemIndex(ids, item_tower.vectors(validation.catalogue)).search(
        earlier.release.query_tower.vectors(validation.queries), k
    )
    now, _ = ItemIndex(ids, towers.item_vectors(validation.catalogue)).search(
        towers.query_vectors(validation.queries)[0], k
    )
    return (
        f"overlap {list_overlap(before, now):.4f}: mean share of the top {k} of release {earlier.release.version} that "
        f"is in the new top {k} ({trained.window.users:,} users, both as of "
        f"{trained.data.purchases.split.cut:%Y-%m-%d})"
    )
