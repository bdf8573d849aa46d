"""The users of a request: those that are unknown, and those whose history is longer than the features hold."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from features.errors import InputError
from features.ids import shown_id, unknown_ids_sentence
from features.schema import BOUGHT_ITEMS, MAX_BOUGHT_ITEMS
from features.store.catalogue import user_ids
from features.text import counted
from pipelines.serving import CandidatePipeline


def check_users(pipeline: CandidatePipeline, users: Sequence[str], *, allow_unknown: bool) -> list[str]:
    """Compare requested users with those that have a profile as of the pipeline's moment.

    Args:
        pipeline: an opened pipeline.
        users: ids, unique, at least one.
        allow_unknown: whether all of them may be unknown.

    Returns:
        A warning if some are unknown, else nothing.

    Raises:
        InputError: all are unknown, and that is not allowed.
    """
    known = user_ids(pipeline.reader.store, pipeline.moment)
    requested = pa.array(users, pa.string())
    unknown = requested.filter(pc.invert(pc.is_in(requested, known))).to_pylist()
    if not unknown:
        return []
    sentence = f"{unknown_ids_sentence(unknown, len(users), 'user')}{_lost_zeros(unknown[0], known)}"
    if len(unknown) == len(users) and not allow_unknown:
        raise InputError(f"{sentence}: pass ids as in the raw tables, or add --allow-unknown to get bestsellers.")
    return [f"{sentence}: their candidates are last week's bestsellers."]


def _lost_zeros(user: str, known: pa.Array) -> str:
    """Return a hint if the id becomes a known one with leading zeros, which spreadsheets drop."""
    padded = user.zfill(pc.max(pc.utf8_length(known)).as_py())
    return f", did you mean {shown_id(padded)}?" if pc.is_in(pa.scalar(padded), known).as_py() else ""


def count_truncated_histories(features: pa.Table) -> int:
    """Count the users whose list of bought items has the maximum length: items bought before those may be missing.

    Args:
        features: (n,), with the column `bought_items`.
    """
    lengths = pc.list_value_length(features[BOUGHT_ITEMS])
    return int(pc.sum(pc.greater_equal(lengths, MAX_BOUGHT_ITEMS)).as_py() or 0)


def truncation_warning(users: int) -> str:
    """Return the sentence on users whose older purchases are not excluded."""
    verb = "has" if users == 1 else "have"
    return (
        f"{counted(users, 'user')} {verb} bought {MAX_BOUGHT_ITEMS:,} different items or more: only the last "
        f"{MAX_BOUGHT_ITEMS:,} of each are excluded as already bought, and older ones may be candidates."
    )
