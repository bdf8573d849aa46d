"""An effort is chosen on one half of the queries, and confirmed and reported on the other."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import pipelines.index_items
from features.errors import InputError
from features.progress import SILENT
from pipelines.index_items import choose_efforts

# Recall of each effort on the first, third and fifth query, and on the others.
RECALLS = {1: (0.99, 0.5), 2: (0.5, 0.99), 3: (0.98, 0.97), 4: (1.0, 1.0)}


@dataclass(frozen=True)
class Index:
    """An index whose lists are the effort and the number of queries."""

    effort: int = 0
    recall: float | None = None

    @property
    def items(self):
        return self

    @property
    def searchers(self):
        return {3: self}

    efforts = tuple(RECALLS)

    def with_effort(self, dimensions, effort, recall=None):
        assert dimensions == 3
        return replace(self, effort=effort, recall=recall)

    def search(self, queries, k):
        assert k == 100
        return self.effort, len(queries)


@pytest.fixture
def choose(monkeypatch):
    monkeypatch.setattr(pipelines.index_items, "list_recall", lambda found, _: RECALLS[found[0]][found[1] == 2])

    def choose(min_recall, count=5):
        return choose_efforts(Index(), {3: np.zeros((count, 3), np.float32)}, min_recall, "v", SILENT)

    return choose


@pytest.mark.parametrize(("min_recall", "chosen"), [(0.5, (1, 0.5)), (0.97, (3, 0.97)), (0.98, (4, 1.0))])
def test_the_smallest_effort_that_reaches_the_recall_on_both_halves_is_chosen(choose, min_recall, chosen):
    index = choose(min_recall)

    assert (index.effort, index.recall) == chosen


def test_a_single_query_chooses_and_reports(choose):
    assert (choose(0.9, count=1).effort, choose(0.9, count=1).recall) == (1, 0.99)


def test_without_such_an_effort_the_best_recall_is_named(choose, monkeypatch):
    monkeypatch.delitem(RECALLS, 4)
    monkeypatch.setattr(Index, "efforts", (1, 2, 3))

    with pytest.raises(InputError, match=r"release v has recall@100 0\.9700 .* 0\.99 was required"):
        choose(0.99)
