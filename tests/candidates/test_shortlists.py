import numpy as np
import pytest

from candidates.shortlists import CHUNK, Shortlists


def collected(scores, k, margin=0.0, capacity=None, tiles=1):
    """The shortlist of one query whose scores arrive in some tiles."""
    scores = np.asarray(scores, np.float32)
    padded = np.full(-(-len(scores) // (tiles * CHUNK)) * tiles * CHUNK, -np.inf, np.float32)
    padded[: len(scores)] = scores
    shortlists = Shortlists.empty(k, np.array([margin]), capacity or 4 * k + 256)
    for first, tile in zip(range(0, len(padded), len(padded) // tiles), np.split(padded, tiles), strict=True):
        shortlists.collect(tile[None, :], first)
    offsets, positions = shortlists.finish()
    assert offsets.tolist() == [0, len(positions)]
    return positions.tolist(), int(shortlists.counts[0])


@pytest.mark.parametrize("tiles", [1, 5])
def test_the_k_best_are_found_in_the_order_of_their_positions(tiles):
    scores = np.random.default_rng(0).standard_normal(3_000)

    positions, _ = collected(scores, 10, tiles=tiles)

    assert positions == sorted(np.argsort(-scores)[:10].tolist())


def test_items_within_the_margin_of_the_kth_best_are_found_too():
    scores = [0.0] * 500
    scores[7], scores[250], scores[400], scores[499] = 5.0, 4.0, 3.5, 3.4

    assert collected(scores, 2)[0] == [7, 250]
    assert collected(scores, 2, margin=0.5)[0] == [7, 250, 400]
    assert collected(scores, 2, margin=0.7)[0] == [7, 250, 400, 499]


def test_all_items_are_found_if_there_are_at_most_k():
    assert collected([1.0, -np.inf, -3e38], 2)[0] == [0, 2]
    assert collected([-np.inf] * 100, 2)[0] == []


@pytest.mark.parametrize("step", [1, -1])
def test_scores_may_ascend_or_descend(step):
    positions, _ = collected(np.arange(100_000.0)[::step], 3, tiles=7)

    assert positions == ([99_997, 99_998, 99_999] if step == 1 else [0, 1, 2])


def test_more_ties_than_the_capacity_are_given_up():
    positions, count = collected([1.0] * 1_000, 5, capacity=400)

    assert (positions, count) == ([], -1)
    assert collected([1.0] * 200, 5, capacity=400)[0] == list(range(200))


def test_a_capacity_without_room_for_a_chunk_is_refused():
    with pytest.raises(ValueError, match="not 100"):
        Shortlists.empty(5, np.zeros(1), 100)
