"""What is too good to be true: a ranker that knows what it cannot know has features that tell the future."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from candidates.ranking.ranker_features import RETRIEVAL, RETRIEVAL_ORIGIN, feature_origins
from candidates.ranking.training_examples import TrainingExamples
from evaluation.ranker.importances import Importance
from evaluation.ranker.selection import K, hits
from features.errors import InputError

MOST_TIMES_THE_NEXT: Final = 10.0
HARMLESS: Final = 0.05  # NDCG@12; below it, what is worth much more than others is still worth little

# Of the NDCG@12 that the best order of the same candidates would have; a bound on NDCG itself no leak would reach where
# retrieval finds little. What people buy in the next week depends on much that no shop records, also where they buy the
# same every week: a ranker beyond four fifths would know nearly every purchase before it is made.
MOST_OF_THE_POSSIBLE: Final = 0.8
# Where retrieval itself is nearly as good, as in a small world that is easily told, the features say little new. One
# origin alone must not win as much, however far that is from the best order.
MOST_OF_WHAT_RETRIEVAL_LEAVES: Final = 0.5

_MEND: Final = (
    "Look at how it is joined to its moment, and leave it out of the ranker until it is known to be of the past."
)


def refuse_leaks(
    examples: TrainingExamples, scores: NDArray[np.float32], told: Sequence[Importance], origins: Sequence[Importance]
) -> None:
    """Stop a training whose ranker seems to be told the future.

    Three bounds. A feature other than retrieval's own score and rank is worth more than `HARMLESS`, and more than
    `MOST_TIMES_THE_NEXT` times as much as the next.

    Two features that tell the same hide each other from that, not from the second: an origin other than retrieval wins
    more than `HARMLESS`, and more than `MOST_OF_WHAT_RETRIEVAL_LEAVES` of what retrieval's order leaves to be won. What
    it wins is what is lost without it, but no more than the ranker is ahead of retrieval: what people have bought
    before orders their candidates more than all else, and honestly so, but retrieval is told it as well. Of origins
    it is not asked how much the next is worth: there are few, one may honestly be alone in telling anything, and beside
    a leak that tells half of what is bought retrieval's order is still worth much more than a tenth.

    Third, the order as a whole reaches more than `MOST_OF_THE_POSSIBLE`, and more than `MOST_OF_WHAT_RETRIEVAL_LEAVES`
    of what retrieval's order leaves to be won.

    Args:
        examples: lists of past days.
        scores: float32 (pairs,), by a ranker that has learned from earlier weeks only.
        told: the importances of the features of this ranker, the most important first.
        origins: those of the origins of these features, the most important first.

    Raises:
        InputError: a bound is passed; names the feature or the origin.
    """
    _refuse_feature(*told[:2])
    if len(examples.judged) == 0:
        return
    retrieved, reached, possible = (
        float(hits(examples, order).ndcg(K).mean()) for order in (None, scores, examples.bought.astype(np.float32))
    )
    allowed = MOST_OF_WHAT_RETRIEVAL_LEAVES * (possible - retrieved)
    first = next(origin for origin in origins if origin.name != RETRIEVAL_ORIGIN)
    if min(first.loss, reached - retrieved) > max(allowed, HARMLESS):
        features = feature_origins(examples.pairs.sources)[first.name]
        one, other = [importance.name for importance in told if importance.name in features][:2]
        raise InputError(
            f"The features of '{first.name}' seem to tell what was bought later: NDCG@{K} is {reached:.3f} in a week "
            f"that the ranker has not seen, where retrieval has {retrieved:.3f} and the best order of the same "
            f"candidates {possible:.3f}; without all of them it falls by {first.loss:.3f}, and one origin that wins "
            f"more than {MOST_OF_WHAT_RETRIEVAL_LEAVES:.0%} of what retrieval leaves is not believed. The most "
            f"important of them are '{one}' and '{other}'. {_MEND}"
        )
    if reached > MOST_OF_THE_POSSIBLE * possible and reached - retrieved > allowed:
        raise InputError(
            f"The ranker is too good to be true: NDCG@{K} is {reached:.3f} in a week that it has not seen, where "
            f"retrieval has {retrieved:.3f} and the best order of the same candidates {possible:.3f}, of which more "
            f"than {MOST_OF_THE_POSSIBLE:.0%} is not believed. Its most important feature is '{told[0].name}', without "
            f"which it falls by {told[0].loss:.3f}. {_MEND}"
        )


def _refuse_feature(first: Importance, second: Importance) -> None:
    if first.name not in RETRIEVAL and first.loss > HARMLESS and first.loss > MOST_TIMES_THE_NEXT * max(second.loss, 0):
        raise InputError(
            f"Feature '{first.name}' of the ranker seems to tell what was bought later: without it NDCG@{K} falls by "
            f"{first.loss:.3f}, without '{second.name}', the next, by {second.loss:.3f}, and more than "
            f"{MOST_TIMES_THE_NEXT:.0f} times as much is not believed. {_MEND}"
        )
