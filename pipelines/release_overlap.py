"""How much a warm-started release changes the lists of the release it started from."""

from candidates.index import ItemIndex
from evaluation.diagnostics import list_overlap
from models.release.earlier_release import EarlierRelease
from models.towers import Towers
from pipelines.train_towers import TrainedTowers


def overlap_line(trained: TrainedTowers, towers: Towers, earlier: EarlierRelease) -> str:
    """Return a line with the share of each user's earlier top k that is in the new top k.

    Both releases retrieve for the users of the validation window, with the same features as of the cut.

    Args:
        trained: the training, for its validation window.
        towers: the towers to be released.
        earlier: the release from which the training started.
    """
    inputs, ids, k = trained.validation.inputs, trained.window.item_ids, max(trained.window.cutoffs)
    before, now = (
        ItemIndex(ids, each.item_vectors(inputs.catalogue)).search(each.query_vectors(inputs.queries)[0], k)[0]
        for each in (Towers.from_checkpoint(earlier.release.served, earlier.release.config), towers)
    )
    return (
        f"overlap {list_overlap(before, now):.4f}: mean share of the top {k} of release {earlier.release.version} that "
        f"is in the new top {k} ({trained.window.users:,} users, both as of "
        f"{trained.purchases.split.cut:%Y-%m-%d})"
    )
