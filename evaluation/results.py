"""The form of an evaluation's results, in memory and as a JSON file."""

import json
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, NotRequired, TypeAlias, TypedDict, cast

from evaluation.bootstrap import Estimate
from features.files import atomic_write

FORMAT: Final = "evaluation 1"

Protocol: TypeAlias = Literal["all", "new"]
PROTOCOLS: Final[tuple[Protocol, ...]] = ("all", "new")
"""Judged on all purchases, or on items that the user never bought before, with lists that leave the others out."""


class Made(TypedDict):
    """Where the results come from.

    `created` as ISO time, the numbers of the whole data set, `data` its name, `filters` the settings of those in force.
    """

    created: str
    commit: str
    seed: int
    users: int
    items: int
    purchases: int
    seconds: float
    data: str
    filters: NotRequired[dict[str, Any]]


class ActivityRow(TypedDict):
    """Mean recall over the users of one activity group, with its interval."""

    name: str
    users: int
    recall: Estimate


class ItemRow(TypedDict):
    """Recall over the purchases of one kind of item; None where nobody bought any."""

    name: str
    relevant: int
    recall: float | None


class DecileRow(TypedDict):
    """Recall over the purchases of one popularity decile, 1 the best sellers; None where nobody bought any."""

    decile: int
    relevant: int
    recall: float | None


class Slices(TypedDict):
    """One model's recall, taken apart."""

    activity: list[ActivityRow]
    items: list[ItemRow]
    deciles: list[DecileRow]


class CatalogueCoverage(TypedDict):
    """How much of the catalogue one model's lists show; defined in `evaluation.catalogue_coverage`."""

    distinct_items: int
    coverage: float
    popularity_bias: float
    bestseller_share: float


class ModelResult(TypedDict):
    """One model at one cut; measures by name, such as "recall@100". `new` is empty if nobody bought anything new."""

    all: dict[str, Estimate]
    new: dict[str, Estimate]
    slices: Slices
    catalogue_coverage: CatalogueCoverage


class Comparison(TypedDict):
    """Model minus baseline and model over baseline, paired; the ratio is None where the baseline may find nothing."""

    difference: Estimate
    ratio: Estimate | None


class Compared(TypedDict):
    """Comparisons on both protocols, by measure; `new` is empty if nobody bought anything new."""

    all: dict[str, Comparison]
    new: dict[str, Comparison]


class SourceRow(TypedDict):
    """Recall of one candidate source alone, and what only this source finds; by budget as text."""

    source: str
    alone: dict[str, float]
    unique: dict[str, float]


class SourceResults(TypedDict):
    """Where candidates come from; `shares` holds each source's share of the fused candidates, by budget as text."""

    budgets: list[int]
    rows: list[SourceRow]
    union: dict[str, float]
    blended: dict[str, float]
    shares: dict[str, dict[str, float]]


class FilterPrice(TypedDict):
    """What one filter, or all in force together, takes out of the lists, and what recall that costs.

    Made by `evaluation.filter_costs.price_of`, where the numbers are defined. `name` is that of the filter or
    `evaluation.filter_costs.ALL_IN_FORCE`; `setting` is for a reader, such as "28 days", and may be empty; `in_force`
    tells whether the set in force holds it, or it is priced for those who choose. `all` and `new` are recall with the
    filter minus, and over, recall without any; `new` is None if nobody bought anything new.
    """

    name: str
    setting: str
    in_force: bool
    dropped: float
    users: float
    short: float
    all: Comparison
    new: Comparison | None


class ImportanceRow(TypedDict):
    """How much NDCG@12 falls if the values of one feature are exchanged among the candidates."""

    name: str
    loss: float


class ReliabilityRow(TypedDict):
    """Candidates of about the same odds: their mean predicted probability, the share that was bought, their number."""

    predicted: float
    bought: float
    count: int


class RankingResult(TypedDict):
    """Whether candidates are put in a learned order at this cut, and what that order is worth.

    - ranked, reason: whether the ranker orders the candidates, and why or why not, in one sentence.
    - users, before_cut: what was decided on: how many users bought in the week before the cut, which the rankers had
      not seen, and by measure the mean of "retrieval", of "ranker" and of their "difference"; empty if there were too
      few users.
    - as_retrieved, as_ranked: the names of the models whose lists are the same candidates in retrieval's order, and in
      the order that was decided on.
    - after_cut: the latter compared with the former in the week after the cut, by measure; empty if the protocol had no
      users then.
    - importances: of the features that matter most, the most important first; empty if nothing was learned.
    - reliability: in the week before the cut, the least likely candidates first; empty if nothing was learned.
    """

    ranked: bool
    reason: str
    users: int
    before_cut: dict[str, dict[str, Estimate]]
    as_retrieved: str
    as_ranked: str
    after_cut: dict[str, Comparison]
    importances: list[ImportanceRow]
    reliability: list[ReliabilityRow]


class EpochRow(TypedDict):
    """One epoch of training."""

    epoch: int
    loss: float
    recall: float | None
    new_recall: float | None


class ItemMap(TypedDict):
    """Item vectors in two dimensions, with what is known of the items; equally long."""

    x: list[float]
    y: list[float]
    department: list[str]
    name: list[str]
    sales: list[int]


class ColdUsers(TypedDict):
    """Users who bought in the week and never before, and recall of the list of last week's bestsellers, None if none.

    The retriever shows this list to all users without history. Nothing else in the results counts them.
    """

    users: int
    recall: Estimate | None


class CutResult(TypedDict):
    """All that was found at one cut, a date such as "2017-12-05".

    `differences` is by model, then baseline: its keys are the models that the page is about, the first of them first.
    """

    cut: str
    users: int
    users_new: int
    cold_users: NotRequired[ColdUsers]
    models: dict[str, ModelResult]
    differences: dict[str, dict[str, Compared]]
    sources: SourceResults | None
    filters: NotRequired[list[FilterPrice]]
    rankings: NotRequired[dict[Protocol, RankingResult]]
    training_history: list[EpochRow]
    map: ItemMap | None


class Medians(TypedDict):
    """Medians over cuts of a model's means, by measure."""

    all: dict[str, float]
    new: dict[str, float]


class Ratios(TypedDict):
    """Medians over cuts of the ratio of recall; None where a ratio has no value."""

    all: float | None
    new: float | None


class RatioToBest(TypedDict):
    """A model over the simple list that was the best in each week: the median over cuts, the least and the largest."""

    median: float
    least: float
    largest: float


class RatiosToBest(TypedDict):
    """Ratios on both protocols, by measure; a measure is left out where a ratio has no value."""

    all: dict[str, RatioToBest]
    new: dict[str, RatioToBest]


class Results(TypedDict):
    """A whole evaluation. Made by `evaluation.summaries.results_of`.

    `ratios` are of recall, by model and simple list; `ratios_to_best` of all measures that were compared, by model.
    """

    format: str
    made: Made
    cutoffs: list[int]
    cuts: list[CutResult]
    medians: dict[str, Medians]
    ratios: dict[str, dict[str, Ratios]]
    ratios_to_best: NotRequired[dict[str, RatiosToBest]]


def write_results(results: Results, path: Path) -> None:
    """Write the results as JSON, whole or not at all.

    Raises:
        ValueError: A number is not finite.
    """
    text = json.dumps(results, indent=1, allow_nan=False)
    with atomic_write(path) as fresh:
        fresh.write_text(text + "\n", encoding="utf-8")


def read_results(path: Path) -> Results:
    """Read what `write_results` wrote.

    Raises:
        ValueError: The file is not JSON, is of another format, holds a number that is not finite, or lacks a part.
    """
    read = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    found = read.get("format") if isinstance(read, dict) else None
    if found != FORMAT:
        raise ValueError(f"{path} is of format {found!r}, not {FORMAT!r}: make it again with jobs/evaluate.py.")
    missing = sorted(Results.__required_keys__ - set(read))
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}: make it again with jobs/evaluate.py.")
    return cast("Results", read)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"Results must be finite numbers, and one is {constant}.")
