import numpy as np

from candidates.filters.already_bought import AlreadyBought


def test_every_user_is_barred_from_his_own_history_however_old(users_of, item_context_of):
    users = users_of({"bought": [(2, 0), (0, 900)]}, {}, {"bought": [(1, 0)]})

    exclusions = AlreadyBought().exclude(users, item_context_of({}, {}, {}))

    assert exclusions.items is None
    assert exclusions.pairs.offsets.tolist() == [0, 2, 2, 3]
    assert exclusions.pairs.positions.tolist() == [0, 2, 1]


def test_the_noise_twin_with_shuffled_histories_bars_other_candidates(users_of, item_context_of):
    item_context = item_context_of({}, {}, {})
    told, twin = (
        users_of({"bought": [(2, 0)]}, {"bought": [(1, 0)]}),
        users_of({"bought": [(1, 0)]}, {"bought": [(2, 0)]}),
    )
    candidates = np.array([0, 0, 1, 1]), np.array([1, 2, 1, 2])

    masks = [AlreadyBought().exclude(users, item_context).mask(*candidates).tolist() for users in (told, twin)]

    assert masks == [[True, False, False, True], [False, True, True, False]]
