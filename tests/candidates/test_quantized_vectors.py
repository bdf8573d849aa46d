import numpy as np
import pytest
from fixtures.exact_search import reference_search
from hypothesis import given
from hypothesis import strategies as st

from candidates.quantized_vectors import CHUNK, QuantizedVectors

MARGIN = 1e-4


def quantized(vectors):
    return QuantizedVectors.from_vectors(np.array(vectors, np.float32))


def by_item(found, shape):
    """The codes, scales and errors of each item, without what fills the last chunk and pair."""
    items, dimensions = shape
    codes = found.codes.transpose(0, 2, 1, 3).reshape(found.scales.size, -1)
    assert not codes[items:].any()
    assert not codes[:, dimensions:].any()
    return codes[:items, :dimensions], found.scales.reshape(-1)[:items], found.errors.reshape(-1)[:items]


def shortlist(vectors, query, k, *, margin=MARGIN, allowed=None, capacity=None):
    """The shortlist of one query, as a list, or None."""
    allowed = np.ones(len(vectors), np.bool_) if allowed is None else allowed
    capacity = capacity or max(2 * (k + CHUNK), len(vectors) + k + 2 * CHUNK)
    found = quantized(vectors).shortlist(np.array(query, np.float32), k, margin, allowed, capacity)
    return None if found is None else found.tolist()


@st.composite
def vectors_and_query(draw):
    """Random vectors with outliers, repeats, zeros and dimensions of different size."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    items, dimensions = draw(st.integers(1, 400)), draw(st.sampled_from([1, 2, 7, 16, 65]))
    vectors = generator.standard_normal((items, dimensions)) * generator.choice([0.01, 1, 1, 30], (items, 1))
    vectors *= generator.choice([0.001, 1, 1], dimensions)
    vectors[generator.random(items) < 0.1] = vectors[0]
    vectors[generator.random(items) < 0.05] = 0
    size = 10.0 ** draw(st.integers(-12, 12))
    query = generator.standard_normal(dimensions) * draw(st.sampled_from([0, 1, 1000]))
    return (vectors * size).astype(np.float32), query.astype(np.float32), generator.random(items) < 0.8


@given(vectors_and_query(), st.integers(1, 90))
def test_the_exact_top_k_is_on_the_shortlist(world, k):
    vectors, query, allowed = world
    margin = 1e-5 * float(np.linalg.norm(query) * np.linalg.norm(vectors, axis=1).max())

    found = shortlist(vectors, query, k, margin=margin, allowed=allowed)

    best, _ = reference_search(vectors, query[None], k, eligible=allowed)
    assert set(best[best >= 0].tolist()) <= set(found)
    assert found == sorted(found)
    assert allowed[found].all()


@given(vectors_and_query())
def test_codes_and_scale_restore_a_vector_within_its_error(world):
    vectors, _, _ = world

    found = quantized(vectors)

    codes, scales, errors = by_item(found, vectors.shape)
    restored = scales[:, None].astype(np.float64) * codes
    missing = np.linalg.norm(vectors.astype(np.float64) - restored, axis=1)
    assert (missing <= errors).all()
    assert (np.linalg.norm(restored, axis=1) <= found.longest).all()
    assert (found.codes.dtype, found.scales.dtype, found.errors.dtype) == (np.int8, np.float32, np.float32)


def test_the_largest_value_of_a_vector_has_the_largest_code():
    found = quantized([[254.0, -127.0, 1.0], [0.0, 0.0, 0.0]])

    codes, scales, errors = by_item(found, (2, 3))
    assert codes.tolist() == [[127, -64, 0], [0, 0, 0]]
    assert scales.tolist() == [2.0, 0.0]
    np.testing.assert_allclose(errors, [np.sqrt(2), 0], atol=1e-5)


def test_an_item_of_few_bits_more_than_the_kth_best_is_not_hidden_by_its_quantization():
    # The scale of the last item is 100, and 49 is less than half of it: its code is 0.
    vectors = [[0.0, 48.0], [0.0, 47.0], [12_700.0, 49.0]]

    assert shortlist(vectors, [0.0, 1.0], 1) == [0, 2]


def test_few_items_beyond_the_top_k_are_returned():
    generator = np.random.default_rng(0)
    vectors, query = generator.standard_normal((20_000, 64)), generator.standard_normal(64)

    assert 100 <= len(shortlist(vectors, query, 100)) <= 150


def test_items_that_tie_with_the_kth_best_are_returned():
    vectors = [[1.0]] * 70 + [[2.0]] * 10 + [[1.0]] * 130

    assert shortlist(vectors, [1.0], 11) == list(range(210))
    assert shortlist(vectors, [1.0], 10) == list(range(70, 80))


def test_all_items_are_returned_if_at_most_k_are_allowed():
    allowed = np.arange(300) % 100 == 7

    assert shortlist(np.ones((300, 2)), [1.0, -1.0], 3, allowed=allowed) == [7, 107, 207]
    assert shortlist(np.ones((300, 2)), [1.0, -1.0], 4, allowed=allowed) == [7, 107, 207]
    assert shortlist(np.ones((300, 2)), [1.0, -1.0], 4, allowed=np.zeros(300, np.bool_)) == []


def test_more_ties_than_the_capacity_are_given_up():
    assert shortlist(np.ones((1_000, 2)), [1.0, 1.0], 5, capacity=400) is None
    assert shortlist(np.ones((200, 2)), [1.0, 1.0], 5, capacity=400) == list(range(200))


@pytest.mark.parametrize("dimensions", [320, 516, 517, 5_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_sums_do_not_overflow_in_many_dimensions(dimensions, sign):
    vectors = np.full((3, dimensions), 0.5 * sign)
    vectors[1] *= 2

    assert shortlist(vectors, np.full(dimensions, 3.0), 1) == ([1] if sign > 0 else [0, 2])


def test_scores_that_differ_by_less_than_the_margin_are_returned():
    vectors = [[127.0], [126.0], [125.0]]

    assert shortlist(vectors, [1.0], 1, margin=0.4) == [0]
    assert shortlist(vectors, [1.0], 1, margin=0.6) == [0, 1]
