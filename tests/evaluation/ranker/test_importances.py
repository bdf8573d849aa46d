from dataclasses import replace

from evaluation.ranker.importances import importances, origin_importances


def test_what_people_buy_by_is_worth_most_and_what_tells_nothing_nothing(by_price, price_held_out):
    told = {one.name: one.loss for one in importances(*price_held_out, 1)}

    assert list(told) != list(by_price.pairs.names)
    assert set(told) == set(by_price.pairs.names)
    prices = [told.pop(name) for name in by_price.pairs.names if "log price" in name]
    assert max(prices) > 0.02
    assert all(abs(loss) < 0.02 for loss in told.values())


def test_the_most_important_stand_first_and_the_seed_decides(by_price, price_held_out):
    told = importances(*price_held_out, 1)

    assert [one.loss for one in told] == sorted((one.loss for one in told), reverse=True)
    assert importances(*price_held_out, 1) == told
    assert importances(*price_held_out, 2) != told


def test_a_feature_that_no_tree_asks_for_is_worth_exactly_nothing(by_price, price_held_out):
    told = {one.name: one.loss for one in importances(*price_held_out, 1)}

    tested = price_held_out[1].trees.tested
    untested = [name for place, name in enumerate(by_price.pairs.names) if place not in tested]
    assert len(untested) > 0
    assert {told[name] for name in untested} == {0}


def test_of_many_lists_some_are_asked(by_price, price_held_out, monkeypatch):
    whole = importances(*price_held_out, 1)
    monkeypatch.setattr("evaluation.ranker.importances.MOST_LISTS", 50)

    assert importances(*price_held_out, 1) != whole


def test_an_origin_is_worth_what_its_features_tell_together(by_price, price_held_out):
    told = {one.name: one.loss for one in importances(*price_held_out, 1)}

    together = origin_importances(*price_held_out, 1)

    assert [one.loss for one in together] == sorted((one.loss for one in together), reverse=True)
    origins = {one.name: one.loss for one in together}
    assert set(origins) == {"retrieval", "history", "tastes", "item sales", "prices", "user"}
    assert origins.pop("prices") > 1.2 * max(told.values())
    assert all(abs(loss) < 0.02 for loss in origins.values())


def test_features_that_say_the_same_hide_each_other_but_not_their_origin(by_price, held_out):
    matrix, names = by_price.pairs.matrix.copy(), by_price.pairs.names
    told = matrix[:, names.index("distance of log price to the user's")]
    for name in names:
        if "log price" in name:
            matrix[:, names.index(name)] = told
    equal = replace(by_price, pairs=replace(by_price.pairs, matrix=matrix))
    parted = held_out(equal)

    features = {one.name: one.loss for one in importances(*parted, 1)}

    (prices,) = [one.loss for one in origin_importances(*parted, 1) if one.name == "prices"]
    assert prices > 0.2
    assert max(features.values()) < 0.75 * prices
