import numpy as np

from candidates.list_loops import drop_missing


def test_missing_positions_are_dropped_from_each_list():
    offsets, kept = drop_missing(np.array([0, 2, 2, 5]), np.array([-1, 4, 3, -1, 0], np.int32))

    assert (offsets.tolist(), kept.tolist()) == ([0, 1, 1, 3], [1, 2, 4])
