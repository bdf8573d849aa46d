"""The schema of an evaluation's results, in memory and as a JSON file."""

import json
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, NotRequired, TypeAlias, TypedDict, cast

from evaluation.bootstrap import Estimate
from features.files import atomic_write

FORMAT: Final = "evaluation 2"

Protocol: TypeAlias = Literal["all", "new"]
PROTOCOLS: Final[tuple[Protocol, ...]] = ("all", "new")
"""Relevant items: all purchases of the window, or only items new to the user, with lists that exclude bought items."""


class RunInfo(TypedDict):
    """Where the results come from.

    `created` is an ISO time, `dataset` a name, `filters` the settings of the active filters. `users`, `items` and
    `purchases` are counts of the whole data set; `seconds` is the run time.
    """

    created: str
    commit: str
    seed: int
    users: int
    items: int
    purchases: int
    seconds: float
    dataset: str
    filters: NotRequired[dict[str, Any]]


class ActivityRow(TypedDict):
    """Mean recall over the users of one activity group, with its interval."""

    name: str
    users: int
    recall: Estimate


class ItemRow(TypedDict):
    """Recall over the purchases of one kind of item; None if there are none."""

    name: str
    relevant: int
    recall: float | None


class DecileRow(TypedDict):
    """Recall over the purchases of one popularity decile, 1 the bestsellers; None if there are none."""

    decile: int
    relevant: int
    recall: float | None


class Slices(TypedDict):
    """One model's recall by activity of the user, kind of item and popularity of the item."""

    activity: list[ActivityRow]
    items: list[ItemRow]
    deciles: list[DecileRow]


class CatalogueCoverage(TypedDict):
    """How much of the catalogue one model's lists contain; defined in `evaluation.catalogue_coverage`."""

    distinct_items: int
    coverage: float
    popularity_bias: float
    bestseller_share: float


class ModelResult(TypedDict):
    """One model in one window; metrics by name, such as "recall@100". `new` is empty if no user bought new items."""

    all: dict[str, Estimate]
    new: dict[str, Estimate]
    slices: Slices
    catalogue_coverage: CatalogueCoverage


class Comparison(TypedDict):
    """Model minus baseline and model over baseline, paired by user; no ratio if the baseline may be 0."""

    difference: Estimate
    ratio: Estimate | None


class ProtocolComparisons(TypedDict):
    """Comparisons on both protocols, by metric; `new` is empty if no user bought new items."""

    all: dict[str, Comparison]
    new: dict[str, Comparison]


class SourceRow(TypedDict):
    """Recall of one candidate source alone, and of the items that no other source lists; by budget as text."""

    source: str
    alone: dict[str, float]
    unique: dict[str, float]


class SourceResults(TypedDict):
    """Where candidates come from; defined in `evaluation.source_shares`.

    `budgets` are numbers of candidates per user, `shares` the share of each source in the blended lists; the other keys
    are budgets as text.
    """

    budgets: list[int]
    rows: list[SourceRow]
    union: dict[str, float]
    blended: dict[str, float]
    shares: dict[str, dict[str, float]]


class FilterCost(TypedDict):
    """What one filter, or all active filters together, exclude, and how recall changes.

    Defined in `evaluation.filter_costs.measure_filter_cost`. `name` is the filter's or
    `evaluation.filter_costs.ALL_FILTERS`; `setting` is for display, such as "28 days", and may be empty; `active` is
    whether the filter is in use or measured for comparison. `dropped` is a share of candidates, `affected_users` and
    `short_lists` are shares of users. `all` and `new` compare recall with the filter to recall without any filter;
    `new` is None if no user bought new items.
    """

    name: str
    setting: str
    active: bool
    dropped: float
    affected_users: float
    short_lists: float
    all: Comparison
    new: Comparison | None


class ImportanceRow(TypedDict):
    """Permutation importance: how much NDCG@12 falls if the values of one feature are permuted among candidates."""

    feature: str
    ndcg_drop: float


class ReliabilityRow(TypedDict):
    """One bin of a reliability diagram: mean predicted probability, share of purchased candidates, their number."""

    predicted: float
    observed: float
    count: int


class RankingResult(TypedDict):
    """Whether the ranker orders the candidates of one window, and what that changes.

    - ranked, reason: whether the ranker orders the candidates, and why, in one sentence.
    - validation_users, validation: the data of that decision: the number of users with purchases in the week before the
      cut, which the ranker was not trained on, and by metric the mean of "retrieval", of "ranker" and of their
      "difference"; empty if there were too few users.
    - retrieved_model, ranked_model: names of the models with the same candidates in retrieval order and in the final
      order.
    - test: the latter compared with the former in the week after the cut, by metric; empty if the protocol has no
      users.
    - importances: of the most important features, in descending order; empty without a ranker.
    - reliability: of the ranker in the validation week, bins in ascending order; empty without a ranker.
    """

    ranked: bool
    reason: str
    validation_users: int
    validation: dict[str, dict[str, Estimate]]
    retrieved_model: str
    ranked_model: str
    test: dict[str, Comparison]
    importances: list[ImportanceRow]
    reliability: list[ReliabilityRow]


class EpochRow(TypedDict):
    """One epoch of training; recall on the validation week, None if it failed a sanity check."""

    epoch: int
    loss: float
    recall: float | None
    new_item_recall: float | None


class ColdUsers(TypedDict):
    """Users who bought in the window and never before, and the recall of last week's bestsellers, None without users.

    The retriever returns this list for every user without history. No other number in the results includes them.
    """

    users: int
    recall: Estimate | None


class WindowResult(TypedDict):
    """All results of one evaluation window: the seven days from `cut_date`, such as "2017-12-05".

    `users` had bought before the cut and bought in the window, `users_new` of them bought an item new to them.
    `comparisons` is by model, then baseline: its keys are the models that the report is about, the main one first.
    """

    cut_date: str
    users: int
    users_new: int
    cold_users: NotRequired[ColdUsers]
    models: dict[str, ModelResult]
    comparisons: dict[str, dict[str, ProtocolComparisons]]
    sources: SourceResults | None
    filter_costs: NotRequired[list[FilterCost]]
    rankings: NotRequired[dict[Protocol, RankingResult]]
    training_history: list[EpochRow]


class Medians(TypedDict):
    """Medians over windows of a model's means, by metric."""

    all: dict[str, float]
    new: dict[str, float]


class Ratios(TypedDict):
    """Medians over windows of the ratio of recall; None if a ratio is undefined."""

    all: float | None
    new: float | None


class RatioToBest(TypedDict):
    """A model over the best baseline of each window: median, minimum and maximum over windows."""

    median: float
    min: float
    max: float


class RatiosToBest(TypedDict):
    """Ratios on both protocols, by metric; without metrics of which a ratio is undefined."""

    all: dict[str, RatioToBest]
    new: dict[str, RatioToBest]


class Results(TypedDict):
    """A whole evaluation. Created by `evaluation.summaries.combine_windows`.

    `ratios` are of recall, by model and baseline; `ratios_to_best` are of all compared metrics, by model.
    """

    format: str
    run: RunInfo
    cutoffs: list[int]
    windows: list[WindowResult]
    medians: dict[str, Medians]
    ratios: dict[str, dict[str, Ratios]]
    ratios_to_best: NotRequired[dict[str, RatiosToBest]]


def write_results(results: Results, path: Path) -> None:
    """Write the results as JSON, under a temporary name until the file is complete.

    Raises:
        ValueError: A number is not finite.
    """
    text = json.dumps(results, indent=1, allow_nan=False)
    with atomic_write(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_results(path: Path) -> Results:
    """Read a file of `write_results`.

    Raises:
        ValueError: The file is not JSON, has another format, contains a number that is not finite, or lacks a key.
    """
    content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise ValueError(f"{path} has the format {found!r}, expected {FORMAT!r}: run jobs/evaluate.py again.")
    missing = sorted(Results.__required_keys__ - set(content))
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}: run jobs/evaluate.py again.")
    return cast("Results", content)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"Results must be finite numbers, found {constant}.")
