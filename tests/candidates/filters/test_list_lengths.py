"""k items per user: whatever the filters are, a list is short only if fewer than k items are eligible."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from fixtures.blenders import model_of
from hypothesis import given, settings
from hypothesis import strategies as st

import candidates.over_fetching
import candidates.retriever
from candidates.blender import Blender
from candidates.filters.department_cap import DepartmentCap
from candidates.filters.exclusions import Exclusions
from candidates.histories import Histories
from candidates.index import ItemIndex
from candidates.item_lists import ItemLists
from candidates.retriever import Retriever
from candidates.sources.garment_groups import GarmentGroupPopularity
from candidates.sources.item_knn import ItemKnn
from candidates.sources.popularity import PopularityList
from candidates.sources.source_set import SOURCES, Queries, SourceSet

ITEMS, USERS = 24, 5
IDS = pa.array([f"{item:02d}" for item in range(ITEMS)])


@dataclass
class Catalogue:
    """A random catalogue with random users; the last of them is cold, without purchases."""

    sources: SourceSet
    queries: Queries
    departments: np.ndarray
    blender: Blender

    @classmethod
    def random(cls, generator):
        vectors = generator.integers(-3, 4, (ITEMS, 3)).astype(np.float32)
        sales = generator.integers(0, 4, ITEMS).astype(np.float32)
        departments = generator.integers(-1, 5, ITEMS).astype(np.int32)
        similarities = np.where(generator.random((ITEMS, ITEMS)) < 0.1, generator.random((ITEMS, ITEMS)), 0)
        neighbours = np.where(similarities > 0, np.arange(ITEMS), -1).astype(np.int32)
        bought = [generator.permutation(ITEMS)[: generator.integers(1, 6)] for _ in range(USERS - 1)]
        count = sum(map(len, bought))
        histories = Histories(
            ItemLists(np.cumsum([0, *map(len, bought), 0]).astype(np.int64), np.concatenate(bought).astype(np.int32)),
            np.ones(count, np.float32),
            *np.zeros((2, count), np.float32),
        )
        vectors_of_users = generator.integers(-3, 4, (2, USERS, 3)).astype(np.float32)
        return cls(
            SourceSet(
                ItemIndex(IDS, vectors),
                PopularityList.from_counts(sales),
                GarmentGroupPopularity(departments, sales),
                ItemKnn(neighbours, similarities.astype(np.float32)),
                generator.random(ITEMS).astype(np.float32),
                sales,
            ),
            Queries(*vectors_of_users, histories),
            departments,
            Blender(*(model_of(SOURCES, generator.standard_normal(3 * len(SOURCES))) for _ in range(2))),
        )

    def candidates(self, k, exclusions, cap=None):
        """The positions of each user's candidates, best first."""
        blended = Retriever(self.sources, self.blender, k).retrieve(
            self.queries, exclusions.pairs, eligible=exclusions.eligible, cap=cap
        )
        assert (np.diff((blended.positions >= 0).astype(int)) <= 0).all()  # padding at the end only
        return [row[row >= 0].tolist() for row in blended.positions]


def random_exclusions(generator):
    """Exclusions of hardly anything up to nearly everything; items or pairs may be missing."""
    items = generator.random(ITEMS) < generator.choice([0, 0.2, 0.8]) if generator.random() < 0.8 else None
    share = generator.choice([0, 0.3, 0.9], USERS)
    lists = [np.flatnonzero(generator.random(ITEMS) < share[user]) for user in range(USERS)]
    return Exclusions(items, ItemLists.from_lists(lists) if generator.random() < 0.8 else None)


def eligible_items(exclusions):
    """The set of eligible positions of each user."""
    rows, positions = np.divmod(np.arange(USERS * ITEMS), ITEMS)
    keep = exclusions.keep_mask(rows, positions).reshape(USERS, ITEMS)
    return [set(np.flatnonzero(own).tolist()) for own in keep]


def exclude_all_but(counts):
    """Exclude all but the first items, by user."""
    return Exclusions(pairs=ItemLists.from_lists([np.arange(count, ITEMS) for count in counts]))


seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None)
@given(seeds, st.integers(1, ITEMS + 2))
def test_exact_search_returns_k_eligible_items(seed, k):
    generator = np.random.default_rng(seed)
    catalogue, exclusions = Catalogue.random(generator), random_exclusions(generator)

    positions, _ = catalogue.sources.index.search(
        catalogue.queries.vectors, k, exclusions.pairs, eligible=exclusions.eligible
    )

    for own, eligible in zip(positions, eligible_items(exclusions), strict=True):
        listed = own[own >= 0].tolist()
        assert set(listed) <= eligible
        assert len(set(listed)) == len(listed) == min(k, len(eligible))


@settings(deadline=None)
@given(seeds, st.integers(1, ITEMS))
def test_no_source_lists_excluded_items(seed, depth):
    generator = np.random.default_rng(seed)
    catalogue, exclusions = Catalogue.random(generator), random_exclusions(generator)

    lists = catalogue.sources.retrieve(catalogue.queries, depth, exclusions.pairs, eligible=exclusions.eligible).lists

    assert list(lists) == list(SOURCES)
    for positions, _ in lists.values():
        for own, eligible in zip(positions, eligible_items(exclusions), strict=True):
            assert set(own[own >= 0].tolist()) <= eligible


@settings(deadline=None)
@given(seeds, st.integers(1, 12))
def test_every_source_replaces_excluded_items_by_its_next_ones(seed, depth):
    """With masks, a source lists the eligible items of its whole list in the same order."""
    generator = np.random.default_rng(seed)
    catalogue, exclusions = Catalogue.random(generator), random_exclusions(generator)

    whole = catalogue.sources.retrieve(catalogue.queries, ITEMS).lists
    masked = catalogue.sources.retrieve(catalogue.queries, depth, exclusions.pairs, eligible=exclusions.eligible).lists

    for name, (positions, _) in whole.items():
        for user, eligible in enumerate(eligible_items(exclusions)):
            expected = [item for item in positions[user].tolist() if item in eligible][:depth]
            listed = masked[name][0][user]
            assert listed[listed >= 0].tolist() == expected, name


@settings(deadline=None)
@given(seeds, st.integers(1, ITEMS + 2))
def test_a_retriever_returns_k_eligible_items_also_for_a_cold_user(seed, k):
    generator = np.random.default_rng(seed)
    catalogue, exclusions = Catalogue.random(generator), random_exclusions(generator)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates.retriever, "DEPTH", 1)  # the sources list only k items
        lists = catalogue.candidates(k, exclusions)

    for listed, eligible in zip(lists, eligible_items(exclusions), strict=True):
        assert set(listed) <= eligible
        assert len(set(listed)) == len(listed) == min(k, len(eligible))


@settings(deadline=None)
@given(seeds, st.integers(1, ITEMS), st.integers(1, 4), st.integers(1, 100))
def test_with_a_cap_a_retriever_returns_k_items_or_as_many_as_the_cap_admits(seed, k, at_most, block):
    generator = np.random.default_rng(seed)
    catalogue, exclusions = Catalogue.random(generator), random_exclusions(generator)
    cap = DepartmentCap(at_most, catalogue.departments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates.retriever, "DEPTH", 1)
        patch.setattr(candidates.over_fetching, "SLOTS_PER_SEARCH", block)
        lists = catalogue.candidates(k, exclusions, cap)

    for listed, eligible in zip(lists, eligible_items(exclusions), strict=True):
        assert set(listed) <= eligible
        counts = np.bincount(catalogue.departments[listed] + 1, minlength=7)
        assert (counts[1:] <= at_most).all()
        longest = np.bincount(catalogue.departments[sorted(eligible)] + 1, minlength=7)
        assert len(set(listed)) == len(listed) == min(k, longest[0] + np.minimum(longest[1:], at_most).sum())


@pytest.mark.parametrize("seed", range(3))
def test_exactly_k_eligible_items_are_all_returned_and_one_fewer_leaves_one_gap(seed):
    catalogue = Catalogue.random(np.random.default_rng(seed))

    lists = catalogue.candidates(6, exclude_all_but([6, 5, 7, 0, 6]))

    assert [len(own) for own in lists] == [6, 5, 6, 0, 6]
    assert [sorted(own) for own in (lists[0], lists[1], lists[4])] == [[*range(6)], [*range(5)], [*range(6)]]


@pytest.mark.parametrize("seed", range(3))
def test_exactly_k_items_within_the_cap_are_all_returned_and_one_fewer_leaves_one_gap(seed):
    catalogue = Catalogue.random(np.random.default_rng(seed))
    departments = (np.arange(ITEMS) // 4).astype(np.int32)  # six of four items each

    assert [len(own) for own in catalogue.candidates(6, Exclusions(), DepartmentCap(1, departments))] == [6] * USERS
    five = Exclusions(departments == 0)
    assert [len(own) for own in catalogue.candidates(6, five, DepartmentCap(1, departments))] == [5] * USERS


def test_a_filter_after_the_cut_at_k_leaves_short_lists():
    catalogue = Catalogue.random(np.random.default_rng(0))
    exclusions = exclude_all_but([6] * USERS)

    for depth, full in ((6, False), (ITEMS, True)):
        positions, _ = catalogue.sources.index.search(catalogue.queries.vectors, depth)
        keep = exclusions.keep_mask(
            *(each.ravel() for each in np.broadcast_arrays(np.arange(USERS)[:, None], positions))
        )
        assert (keep.reshape(positions.shape).sum(axis=1) >= 6).all() == full
