"""k in, k out: whatever the filters are, a list is short only when fewer than k items may be shown."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import candidates.over_fetching
import candidates.retriever
from candidates.blender import Blender, term_names
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
IDS = np.array([f"{item:02d}" for item in range(ITEMS)])


@dataclass
class World:
    """A random catalogue with random users; the last of them has never bought anything."""

    sources: SourceSet
    queries: Queries
    departments: np.ndarray
    blender: Blender

    @classmethod
    def of(cls, generator):
        vectors = generator.integers(-3, 4, (ITEMS, 3)).astype(np.float32)
        sales = generator.integers(0, 4, ITEMS).astype(np.float32)
        departments = generator.integers(-1, 5, ITEMS).astype(np.int32)
        similarities = np.where(generator.random((ITEMS, ITEMS)) < 0.1, generator.random((ITEMS, ITEMS)), 0)
        neighbours = np.where(similarities > 0, np.arange(ITEMS), -1).astype(np.int32)
        bought = [generator.permutation(ITEMS)[: generator.integers(1, 6)] for _ in range(USERS - 1)]
        count = sum(map(len, bought))
        histories = Histories(
            np.cumsum([0, *map(len, bought), 0]).astype(np.int64),
            np.concatenate(bought).astype(np.int32),
            np.ones(count, np.float32),
            np.zeros(count, np.float32),
        )
        asked = generator.integers(-3, 4, (2, USERS, 3)).astype(np.float32)
        said = len(term_names(SOURCES))
        weights = generator.standard_normal(said).astype(np.float32)
        return cls(
            SourceSet(
                ItemIndex(IDS, vectors),
                PopularityList.from_counts(sales),
                GarmentGroupPopularity(departments, sales),
                ItemKnn(neighbours, similarities.astype(np.float32)),
                generator.random(ITEMS).astype(np.float32),
                sales,
            ),
            Queries(*asked, histories),
            departments,
            Blender(SOURCES, np.zeros(said, np.float32), np.ones(said, np.float32), weights, 0.0),
        )

    def shown(self, k, exclusions, cap=None):
        """By user, the positions of his candidates in order."""
        blended = Retriever(self.sources, self.blender, k).retrieve(
            self.queries, exclusions.pairs, eligible=exclusions.eligible, cap=cap
        )
        assert (np.diff((blended.positions >= 0).astype(int)) <= 0).all()  # padding at the end only
        return [row[row >= 0].tolist() for row in blended.positions]


def random_barred(generator):
    """Masks from hardly anything to nearly everything, of which either half may be missing."""
    items = generator.random(ITEMS) < generator.choice([0, 0.2, 0.8]) if generator.random() < 0.8 else None
    share = generator.choice([0, 0.3, 0.9], USERS)
    lists = [np.flatnonzero(generator.random(ITEMS) < share[user]) for user in range(USERS)]
    return Exclusions(items, ItemLists.from_lists(lists) if generator.random() < 0.8 else None)


def allowed_of(exclusions):
    """By user, the set of what he may be shown."""
    everything = np.divmod(np.arange(USERS * ITEMS), ITEMS)
    stays = exclusions.mask(*everything).reshape(USERS, ITEMS)
    return [set(np.flatnonzero(own).tolist()) for own in stays]


def leaving(user_counts):
    """Bar all but so many items for each user."""
    return Exclusions(pairs=ItemLists.from_lists([np.arange(count, ITEMS) for count in user_counts]))


seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None)
@given(seeds, st.integers(1, ITEMS + 2))
def test_exact_search_lists_k_of_what_is_allowed(seed, k):
    generator = np.random.default_rng(seed)
    world, exclusions = World.of(generator), random_barred(generator)

    positions, _ = world.sources.index.search(world.queries.vectors, k, exclusions.pairs, eligible=exclusions.eligible)

    for own, allowed in zip(positions, allowed_of(exclusions), strict=True):
        listed = own[own >= 0].tolist()
        assert set(listed) <= allowed
        assert len(set(listed)) == len(listed) == min(k, len(allowed))


@settings(deadline=None)
@given(seeds, st.integers(1, ITEMS))
def test_no_source_lists_what_is_barred(seed, depth):
    generator = np.random.default_rng(seed)
    world, exclusions = World.of(generator), random_barred(generator)

    lists = world.sources.retrieve(world.queries, depth, exclusions.pairs, eligible=exclusions.eligible)

    assert list(lists) == list(SOURCES)
    for positions, _ in lists.values():
        for own, allowed in zip(positions, allowed_of(exclusions), strict=True):
            assert set(own[own >= 0].tolist()) <= allowed


@settings(deadline=None)
@given(seeds, st.integers(1, 12))
def test_masks_make_room_in_every_source_for_what_it_lists_further_down(seed, depth):
    """A source under masks lists what it would list of everything, with what is barred taken out."""
    generator = np.random.default_rng(seed)
    world, exclusions = World.of(generator), random_barred(generator)

    whole = world.sources.retrieve(world.queries, ITEMS)
    masked = world.sources.retrieve(world.queries, depth, exclusions.pairs, eligible=exclusions.eligible)

    for name, (positions, _) in whole.items():
        for user, allowed in enumerate(allowed_of(exclusions)):
            expected = [item for item in positions[user].tolist() if item in allowed][:depth]
            listed = masked[name][0][user]
            assert listed[listed >= 0].tolist() == expected, name


@settings(deadline=None)
@given(seeds, st.integers(1, ITEMS + 2))
def test_a_retriever_shows_k_of_what_is_allowed_also_to_who_never_bought(seed, k):
    generator = np.random.default_rng(seed)
    world, exclusions = World.of(generator), random_barred(generator)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates.retriever, "DEPTH", 1)  # the sources list k, no more
        lists = world.shown(k, exclusions)

    for listed, allowed in zip(lists, allowed_of(exclusions), strict=True):
        assert set(listed) <= allowed
        assert len(set(listed)) == len(listed) == min(k, len(allowed))


@settings(deadline=None)
@given(seeds, st.integers(1, ITEMS), st.integers(1, 4), st.integers(1, 100))
def test_under_a_cap_it_shows_k_if_k_can_stand_and_otherwise_all_that_can(seed, k, at_most, block):
    generator = np.random.default_rng(seed)
    world, exclusions = World.of(generator), random_barred(generator)
    cap = DepartmentCap(at_most, world.departments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates.retriever, "DEPTH", 1)
        patch.setattr(candidates.over_fetching, "PLACES_PER_SEARCH", block)
        lists = world.shown(k, exclusions, cap)

    for listed, allowed in zip(lists, allowed_of(exclusions), strict=True):
        assert set(listed) <= allowed
        counts = np.bincount(world.departments[listed] + 1, minlength=7)
        assert (counts[1:] <= at_most).all()
        possible = np.bincount(world.departments[sorted(allowed)] + 1, minlength=7)
        assert len(set(listed)) == len(listed) == min(k, possible[0] + np.minimum(possible[1:], at_most).sum())


@pytest.mark.parametrize("seed", range(3))
def test_exactly_k_allowed_items_are_all_shown_and_one_fewer_leaves_a_gap_of_one(seed):
    world = World.of(np.random.default_rng(seed))

    lists = world.shown(6, leaving([6, 5, 7, 0, 6]))

    assert [len(own) for own in lists] == [6, 5, 6, 0, 6]
    assert [sorted(own) for own in (lists[0], lists[1], lists[4])] == [[*range(6)], [*range(5)], [*range(6)]]


@pytest.mark.parametrize("seed", range(3))
def test_exactly_k_items_under_the_cap_are_all_shown_and_one_fewer_leaves_a_gap_of_one(seed):
    world = World.of(np.random.default_rng(seed))
    departments = (np.arange(ITEMS) // 4).astype(np.int32)  # six of four items each

    assert [len(own) for own in world.shown(6, Exclusions(), DepartmentCap(1, departments))] == [6] * USERS
    five = Exclusions(departments == 0)
    assert [len(own) for own in world.shown(6, five, DepartmentCap(1, departments))] == [5] * USERS


def test_the_noise_twin_that_filters_after_the_cut_starves():
    world = World.of(np.random.default_rng(0))
    exclusions = leaving([6] * USERS)

    for depth, full in ((6, False), (ITEMS, True)):
        positions, _ = world.sources.index.search(world.queries.vectors, depth)
        stays = exclusions.mask(*(each.ravel() for each in np.broadcast_arrays(np.arange(USERS)[:, None], positions)))
        assert (stays.reshape(positions.shape).sum(axis=1) >= 6).all() == full
