"""Leakage heuristics: a ranker that predicts purchases too well probably has a feature that contains the future.

They are no proof. A finding disables the ranker; the leakage test (`jobs/check_leakage.py`) decides whether a feature
leaks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from candidates.ranking.ranker_features import RETRIEVAL_FEATURES, RETRIEVAL_GROUP, feature_groups
from candidates.ranking.training_examples import TrainingExamples
from evaluation.ranker.importances import Importance
from evaluation.ranker.selection import K, compute_hits

MAX_RATIO_TO_NEXT: Final = 10.0
MIN_SUSPICIOUS_DROP: Final = 0.05  # NDCG@12; a smaller drop is harmless, however small that of the next feature is

# Share of the NDCG@12 of the ideal order of the same candidates. A bound on NDCG itself misses leaks where retrieval
# finds little. Purchases depend on much that no shop records, even where people buy the same every week: a ranker
# beyond four fifths would predict nearly every purchase of the next week.
MAX_SHARE_OF_IDEAL: Final = 0.8
# Share of the headroom, the difference between the NDCG@12 of the ideal order and that of retrieval. It also works
# where retrieval is nearly ideal, as in a small, easily predicted data set, and the features add little.
MAX_SHARE_OF_HEADROOM: Final = 0.5


@dataclass(frozen=True)
class Finding:
    """A bound that the ranker exceeds.

    Attributes:
        name: the feature or the group of features, or "ranker" for the ranking as a whole.
        message: one sentence with the measured values and the bound.
    """

    name: str
    message: str


def suspicious_features(
    examples: TrainingExamples,
    scores: NDArray[np.float32],
    importances: Sequence[Importance],
    groups: Sequence[Importance],
) -> list[Finding]:
    """Find features whose contribution to the ranking is implausibly large.

    Three bounds:

    1. A feature other than retrieval's own score and rank has an NDCG drop above `MIN_SUSPICIOUS_DROP`, and more than
       `MAX_RATIO_TO_NEXT` times that of the next feature.
    2. A group other than retrieval gains more than `MIN_SUSPICIOUS_DROP` and more than `MAX_SHARE_OF_HEADROOM` of the
       headroom. This finds two equal features that hide each other from bound 1. The gain is the group's drop, but at
       most the ranker's lead over retrieval: past purchases legitimately dominate the ranking, but retrieval uses them
       too. There is no ratio to the next group: there are few groups, one of them may legitimately be the only
       informative one, and beside a leak of half the purchases retrieval's order still contributes more than a tenth.
    3. The ranking as a whole reaches more than `MAX_SHARE_OF_IDEAL` of the ideal NDCG, and gains more than
       `MAX_SHARE_OF_HEADROOM` of the headroom.

    Args:
        examples: lists of a week after those on which the ranker was trained.
        scores: float32 (pairs,), of this ranker.
        importances: of its features, the most important first; at least two.
        groups: importances of the groups of these features, the most important first.

    Returns:
        The findings in the order of the bounds; empty if nothing is suspicious.
    """
    findings = _dominant_feature(*importances[:2])
    if len(examples.evaluable) == 0:
        return findings
    retrieval, ranker, ideal = (
        float(compute_hits(examples, order).ndcg(K).mean())
        for order in (None, scores, examples.bought.astype(np.float32))
    )
    bound = MAX_SHARE_OF_HEADROOM * (ideal - retrieval)
    measured = f"NDCG@{K} in an unseen week: ranker {ranker:.3f}, retrieval {retrieval:.3f}, ideal order {ideal:.3f}"
    first = next(group for group in groups if group.name != RETRIEVAL_GROUP)
    if min(first.ndcg_drop, ranker - retrieval) > max(bound, MIN_SUSPICIOUS_DROP):
        features = feature_groups(examples.pairs.sources)[first.name]
        most = [f"'{importance.name}'" for importance in importances if importance.name in features][:2]
        findings.append(
            Finding(
                first.name,
                f"The features of group '{first.name}' (most important: {', '.join(most)}) gain more than "
                f"{MAX_SHARE_OF_HEADROOM:.0%} of what retrieval leaves: without them NDCG@{K} falls by "
                f"{first.ndcg_drop:.3f} ({measured}).",
            )
        )
    if ranker > MAX_SHARE_OF_IDEAL * ideal and ranker - retrieval > bound:
        findings.append(
            Finding(
                "ranker",
                f"The ranker reaches more than {MAX_SHARE_OF_IDEAL:.0%} of the ideal ({measured}); its most important "
                f"feature is '{importances[0].name}' with a drop of {importances[0].ndcg_drop:.3f}.",
            )
        )
    return findings


def _dominant_feature(first: Importance, second: Importance) -> list[Finding]:
    dominates = first.ndcg_drop > MIN_SUSPICIOUS_DROP and first.ndcg_drop > MAX_RATIO_TO_NEXT * max(second.ndcg_drop, 0)
    if first.name in RETRIEVAL_FEATURES or not dominates:
        return []
    message = (
        f"Feature '{first.name}' is more than {MAX_RATIO_TO_NEXT:.0f} times as important as the next: without it "
        f"NDCG@{K} falls by {first.ndcg_drop:.3f}, without '{second.name}' by {second.ndcg_drop:.3f}."
    )
    return [Finding(first.name, message)]
