"""What is too good to be true: a ranker that knows what it cannot know has a feature that tells the future."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from ranking.choosing import K, hits
from ranking.examples import Examples
from ranking.importances import Importance
from ranking.pair_features import RETRIEVAL

MOST_TIMES_THE_NEXT: Final = 10.0
HARMLESS: Final = 0.05  # NDCG@12; below it, a feature that is worth much more than others is still worth little

# Of the NDCG@12 that the best order of the same candidates would have; a bound on NDCG itself no leak would reach where
# retrieval finds little. What people buy in the next week depends on much that no shop records, also where they buy the
# same every week: a ranker beyond four fifths would know nearly every purchase before it is made.
MOST_OF_THE_POSSIBLE: Final = 0.8
# Where retrieval itself is nearly as good, as in a small world that is easily told, the features say little new.
MOST_OF_WHAT_RETRIEVAL_LEAVES: Final = 0.5


def refuse_leaks(examples: Examples, scores: NDArray[np.float32], told: Sequence[Importance]) -> None:
    """Stop a training whose ranker seems to be told the future.

    Args:
        examples: lists of past days.
        scores: float32 (pairs,), by rankers that have not seen the list's user, as from `folds.held_out_scores`.
        told: the importances of the features of these rankers, the most important first.

    Raises:
        InputError: one feature other than retrieval's own score and rank is worth more than `HARMLESS`, and more than
            `MOST_TIMES_THE_NEXT` times as much as the next; or the order reaches more than `MOST_OF_THE_POSSIBLE`, and
            more than `MOST_OF_WHAT_RETRIEVAL_LEAVES` of what retrieval's order leaves to be won.
    """
    first, second = told[0], told[1]
    mend = "Look at how it is joined to its moment, and leave it out of the ranker until it is known to be of the past."
    if first.name not in RETRIEVAL and first.loss > HARMLESS and first.loss > MOST_TIMES_THE_NEXT * max(second.loss, 0):
        raise InputError(
            f"Feature '{first.name}' of the ranker seems to tell what was bought later: without it NDCG@{K} falls by "
            f"{first.loss:.3f}, without '{second.name}', the next, by {second.loss:.3f}, and more than "
            f"{MOST_TIMES_THE_NEXT:.0f} times as much is not believed. {mend}"
        )
    if len(examples.judged) == 0:
        return
    retrieved, reached, possible = (
        float(hits(examples, order).ndcg(K).mean()) for order in (None, scores, examples.bought.astype(np.float32))
    )
    won = reached - retrieved > MOST_OF_WHAT_RETRIEVAL_LEAVES * (possible - retrieved)
    if reached > MOST_OF_THE_POSSIBLE * possible and won:
        raise InputError(
            f"The ranker is too good to be true: NDCG@{K} is {reached:.3f} for users whom it has not seen, where "
            f"retrieval has {retrieved:.3f} and the best order of the same candidates {possible:.3f}, of which more "
            f"than {MOST_OF_THE_POSSIBLE:.0%} is not believed. Its most important feature is '{first.name}', without "
            f"which it falls by {first.loss:.3f}. {mend}"
        )
