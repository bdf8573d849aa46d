"""What every search engine does, whether it is exact or approximate."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from fixtures.exact_search import reference_search

import candidates.approximate_index
from candidates.approximate_index import ApproximateIndex
from candidates.index import ItemIndex
from candidates.item_lists import ItemLists
from candidates.opensearch.item_index import write_index
from candidates.opensearch.searcher import OpenSearchSearcher
from candidates.search_engine import list_recall

CONTENT = 8
DIMENSIONS = 24


def clustered(items, dimensions=DIMENSIONS, seed=3):
    """Vectors around 40 centres, as embeddings of items in categories are."""
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((40, dimensions))
    return (centres[generator.integers(40, size=items)] + 0.5 * generator.standard_normal((items, dimensions))).astype(
        np.float32
    )


def item_index(vectors):
    return ItemIndex(pa.array([f"item{position:07d}" for position in range(len(vectors))]), vectors)


def exact(vectors, dimensions, folder):
    return item_index(vectors)


def approximate(vectors, dimensions, folder):
    built = ApproximateIndex.build(item_index(vectors), dimensions)
    for each, searcher in built.searchers.items():
        built = built.with_effort(each, searcher.efforts[3])
    return built


def reopened(vectors, dimensions, folder):
    built = approximate(vectors, dimensions, folder)
    built.write(folder)
    efforts = {each: searcher.effort for each, searcher in built.searchers.items()}
    return ApproximateIndex.read(folder, item_index(vectors), efforts, {})


def in_opensearch(connection, alias, vectors, dimensions):
    items, name = item_index(vectors), f"{alias}-{uuid.uuid4().hex[:8]}"
    by_dimensions = {each: items.vectors[:, :each] for each in dimensions}
    write_index(connection, alias, name, items.item_ids.to_pylist(), by_dimensions, {}, {})
    searchers = {each: OpenSearchSearcher(connection, name, each, effort=400) for each in dimensions}
    return ApproximateIndex(items, searchers)


ENGINES = {"exact": exact, "approximate": approximate, "reopened": reopened}


@pytest.fixture(params=[*ENGINES, "opensearch"])
def engine_of(request, tmp_path):
    """Build an engine for item vectors, which is searched for complete queries, and for those of some dimensions."""

    def engine_of(vectors, content=None):
        vectors = np.asarray(vectors, np.float32)
        dimensions = [vectors.shape[1], *([content] if content else [])]
        if request.param == "opensearch":
            connection, alias = (request.getfixturevalue(name) for name in ("opensearch", "alias"))
            return in_opensearch(connection, alias, vectors, dimensions)
        return ENGINES[request.param](vectors, dimensions, tmp_path)

    return engine_of


def without_exclusions(queries):
    return [np.empty(0, np.int32)] * len(queries)


@pytest.mark.parametrize("dimensions", [DIMENSIONS, CONTENT])
@pytest.mark.parametrize("k", [1, 10, 100])
def test_nearly_all_of_the_exact_lists_are_found_with_exact_scores(engine_of, dimensions, k):
    vectors, queries = clustered(4_000), clustered(60, dimensions, seed=4)
    engine = engine_of(vectors, CONTENT)

    positions, scores = engine.search(queries, k)

    expected = reference_search(vectors, queries, k, without_exclusions(queries))
    assert positions.shape == scores.shape == (60, k)
    assert (positions.dtype, scores.dtype) == (np.int32, np.float32)
    assert list_recall((positions, scores), expected) >= 0.95
    own = np.einsum("qd,qkd->qk", queries.astype(float), vectors[positions, :dimensions].astype(float))
    assert scores.tolist() == own.astype(np.float32).tolist()
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.99])
def test_k_items_are_listed_under_ineligible_items(engine_of, share):
    vectors, queries = clustered(4_000), clustered(30, seed=4)
    eligible = np.random.default_rng(5).random(4_000) >= share

    lists = engine_of(vectors).search(queries, 30, eligible=eligible)

    expected = reference_search(vectors, queries, 30, without_exclusions(queries), eligible)
    assert (lists[0] >= 0).all()
    assert eligible[lists[0]].all()
    assert list_recall(lists, expected) >= 0.95


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.99])
def test_k_items_are_listed_under_excluded_items_of_each_query(engine_of, share):
    vectors, queries = clustered(4_000), clustered(30, seed=4)
    generator = np.random.default_rng(6)
    excluded = [np.flatnonzero(generator.random(4_000) < share).astype(np.int32) for _ in queries]

    lists = engine_of(vectors).search(queries, 30, ItemLists.from_lists(excluded))

    expected = reference_search(vectors, queries, 30, excluded)
    assert (lists[0] >= 0).all()
    assert not ItemLists.from_lists(excluded).contains(lists[0]).any()
    assert list_recall(lists, expected) >= 0.95


def test_k_items_are_listed_if_the_best_ones_of_a_query_are_excluded(engine_of):
    vectors, queries = clustered(4_000), clustered(12, seed=4)
    best, _ = reference_search(vectors, queries, 900, without_exclusions(queries))

    lists = engine_of(vectors).search(queries, 30, ItemLists.from_padded(best))

    expected = reference_search(vectors, queries, 30, list(best))
    assert (lists[0] >= 0).all()
    assert list_recall(lists, expected) >= 0.95


def test_both_masks_together_leave_padded_lists_where_fewer_than_k_items_remain(engine_of):
    vectors = np.array([[1.0], [2.0], [3.0], [4.0]], np.float32)
    excluded = ItemLists.from_lists([np.array([3]), np.array([0, 2]), np.array([], np.int64)])
    eligible = np.array([True, True, False, True])

    positions, scores = engine_of(vectors).search(np.ones((3, 1), np.float32), 3, excluded, eligible=eligible)

    assert positions.tolist() == [[1, 0, -1], [3, 1, -1], [3, 1, 0]]
    assert scores.tolist() == [[2.0, 1.0, -np.inf], [4.0, 2.0, -np.inf], [4.0, 2.0, 1.0]]


def test_lists_are_empty_if_all_items_are_excluded_or_ineligible(engine_of):
    engine = engine_of(clustered(50))
    everything = ItemLists.from_lists([np.arange(50), np.arange(50)])
    queries = clustered(2, seed=4)

    by_query, _ = engine.search(queries, 5, everything)
    for_all, scores = engine.search(queries, 5, eligible=np.zeros(50, np.bool_))

    assert by_query.tolist() == for_all.tolist() == [[-1] * 5] * 2
    assert scores.tolist() == [[-np.inf] * 5] * 2


def test_empty_exclusions_change_nothing(engine_of):
    engine, queries = engine_of(clustered(500)), clustered(9, seed=4)

    plain = engine.search(queries, 20)
    masked = engine.search(queries, 20, ItemLists.empty(9), eligible=np.ones(500, np.bool_))

    assert masked[0].tolist() == plain[0].tolist()
    assert masked[1].tolist() == plain[1].tolist()


def test_a_k_above_the_catalogue_lists_all_items(engine_of):
    vectors, queries = clustered(300), clustered(10, seed=4)

    positions, scores = engine_of(vectors).search(queries, 1_000)

    expected = reference_search(vectors, queries, 1_000, without_exclusions(queries))
    assert positions.tolist() == expected[0].tolist()
    assert scores.tolist() == expected[1].tolist()


@pytest.mark.parametrize("users", [1, 9])
def test_a_catalogue_of_one_vector_is_searched(engine_of, users):
    positions, scores = engine_of([[0.5, -2.0]]).search(np.full((users, 2), 2.0, np.float32), 3)

    assert positions.tolist() == [[0]] * users
    assert scores.tolist() == [[-3.0]] * users


def test_equal_vectors_are_ordered_by_position(engine_of):
    vectors = np.repeat(clustered(60), 3, axis=0)

    positions, scores = engine_of(vectors).search(clustered(10, seed=4), 30)

    assert (scores[:, ::3] == scores[:, 2::3]).all()
    assert (np.diff(positions.reshape(10, 10, 3), axis=2) > 0).all()


def test_a_catalogue_of_equal_vectors_lists_k_of_them(engine_of):
    positions, scores = engine_of(np.ones((700, 4))).search(np.ones((2, 4), np.float32), 20)

    assert [len({*row}) for row in positions.tolist()] == [20, 20]
    assert (np.diff(positions) > 0).all()
    assert scores.tolist() == [[4.0] * 20] * 2


def test_no_queries_have_no_lists(engine_of):
    positions, scores = engine_of(clustered(50)).search(np.empty((0, DIMENSIONS), np.float32), 5)

    assert positions.shape == scores.shape == (0, 5)


def test_the_list_of_a_query_does_not_depend_on_other_queries_or_threads(engine_of):
    engine, queries = engine_of(clustered(2_000)), clustered(24, seed=4)

    together = engine.search(queries, 20)
    with ThreadPoolExecutor(4) as threads:
        alone = list(threads.map(lambda row: engine.search(queries[row : row + 1], 20)[0][0].tolist(), range(24)))

    assert alone == together[0].tolist()


@pytest.mark.parametrize(
    ("queries", "k", "options"),
    [
        (np.ones((2, DIMENSIONS + 1), np.float32), 3, {}),
        (np.ones((2, DIMENSIONS), np.float64), 3, {}),
        (np.full((2, DIMENSIONS), np.nan, np.float32), 3, {}),
        (np.ones((2, DIMENSIONS), np.float32), 0, {}),
        (np.ones((2, DIMENSIONS), np.float32), 3, {"excluded": ItemLists.empty(3)}),
        (np.ones((2, DIMENSIONS), np.float32), 3, {"excluded": ItemLists.from_lists([np.array([50]), np.array([0])])}),
        (np.ones((2, DIMENSIONS), np.float32), 3, {"eligible": np.ones(49, np.bool_)}),
    ],
)
def test_wrong_arguments_are_refused(engine_of, queries, k, options):
    engine = engine_of(clustered(50))

    with pytest.raises(ValueError, match=r"Queries|k must|Excluded|Eligible"):
        engine.search(queries, k, **options)


def test_memory_is_at_least_that_of_the_vectors_and_less_after_closing(engine_of):
    engine = engine_of(clustered(1_000))
    engine.search(clustered(2, seed=4), 5)
    before = engine.nbytes

    engine.close()

    assert len(engine) == 1_000
    assert engine.nbytes == 1_000 * DIMENSIONS * 4 < before


def test_recall_is_the_share_of_the_exact_lists_with_ties_at_the_cut():
    exact_lists = (
        np.array([[0, 1, 2], [5, -1, -1], [-1, -1, -1]]),
        np.array([[9, 7, 7], [4, -np.inf, -np.inf], [-np.inf] * 3], np.float32),
    )

    found = (
        np.array([[0, 3, 4], [-1, -1, -1], [-1, -1, -1]]),
        np.array([[9, 7, 6], [-np.inf] * 3, [-np.inf] * 3], np.float32),
    )

    assert list_recall(found, exact_lists) == 0.5  # items 0, and 3, which ties with 1 and 2, of four
    assert list_recall(exact_lists, exact_lists) == 1.0


def test_the_index_of_an_approximate_search_is_used():
    engine, queries = approximate(clustered(4_000), [DIMENSIONS], None), clustered(20, seed=4)
    lower, higher = (engine.with_effort(DIMENSIONS, effort) for effort in (1, 8))
    expected = engine.items.search(queries, 10)

    recalls = [list_recall(each.search(queries, 10), expected) for each in (lower, higher)]

    assert recalls[0] < recalls[1]
    assert (lower.counts.queries, lower.counts.exact) == (20, 0)


def test_queries_that_may_list_few_items_are_searched_exactly_and_counted():
    engine, queries = approximate(clustered(1_000), [DIMENSIONS], None), clustered(3, seed=4)
    excluded = ItemLists.from_lists([np.arange(800), np.arange(700), np.array([], np.int64)])

    positions, _ = engine.search(queries, 10, excluded)

    assert (engine.counts.queries, engine.counts.exact) == (3, 1)
    assert positions[0].tolist() == engine.items.search(queries, 10, excluded)[0][0].tolist()


def test_lists_that_stay_short_at_the_greatest_depth_are_searched_exactly(monkeypatch):
    vectors, queries = clustered(2_000), clustered(5, seed=4)
    engine = approximate(vectors, [DIMENSIONS], None)
    best, _ = engine.items.search(queries, 400)

    deep = engine.search(queries, 10, ItemLists.from_padded(best))

    assert engine.counts.exact == 5
    assert deep[0].tolist() == engine.items.search(queries, 10, ItemLists.from_padded(best))[0].tolist()
    monkeypatch.setattr(candidates.approximate_index, "DEEPEST", 64)
    deeper = engine.search(queries, 10, ItemLists.from_padded(best))
    assert (deeper[0] >= 0).all()
    assert engine.counts.exact == 5


def test_queries_of_other_dimensions_than_were_built_are_refused():
    engine = approximate(clustered(50), [DIMENSIONS, CONTENT], None)

    with pytest.raises(ValueError, match=str(CONTENT + 1)):
        engine.search(clustered(2, CONTENT + 1), 5)
    with pytest.raises(ValueError, match=str(DIMENSIONS + 1)):
        ApproximateIndex.build(engine.items, [DIMENSIONS + 1])
