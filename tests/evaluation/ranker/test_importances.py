from dataclasses import replace

from evaluation.ranker.importances import feature_importances, group_importances


def drops(importances):
    return {importance.name: importance.ndcg_drop for importance in importances}


def test_informative_features_are_important_and_the_others_are_not(by_price, price_held_out):
    by_feature = drops(feature_importances(*price_held_out, 1))

    assert list(by_feature) != list(by_price.pairs.feature_names)
    assert set(by_feature) == set(by_price.pairs.feature_names)
    prices = [by_feature.pop(name) for name in by_price.pairs.feature_names if "log_price" in name]
    assert max(prices) > 0.02
    assert all(abs(drop) < 0.02 for drop in by_feature.values())


def test_importances_are_sorted_and_depend_on_the_seed(price_held_out):
    importances = feature_importances(*price_held_out, 1)

    assert [each.ndcg_drop for each in importances] == sorted((each.ndcg_drop for each in importances), reverse=True)
    assert feature_importances(*price_held_out, 1) == importances
    assert feature_importances(*price_held_out, 2) != importances


def test_a_feature_that_no_tree_tests_has_importance_0(by_price, price_held_out):
    by_feature = drops(feature_importances(*price_held_out, 1))

    used = price_held_out[1].used_columns
    unused = [name for column, name in enumerate(by_price.pairs.feature_names) if column not in used]
    assert len(unused) > 0
    assert {by_feature[name] for name in unused} == {0}


def test_of_many_lists_a_sample_is_used(price_held_out, monkeypatch):
    all_lists = feature_importances(*price_held_out, 1)
    monkeypatch.setattr("evaluation.ranker.importances.MAX_LISTS", 50)

    assert feature_importances(*price_held_out, 1) != all_lists


def test_the_features_of_a_group_are_permuted_together(price_held_out):
    by_feature = drops(feature_importances(*price_held_out, 1))

    groups = group_importances(*price_held_out, 1)

    assert [each.ndcg_drop for each in groups] == sorted((each.ndcg_drop for each in groups), reverse=True)
    by_group = drops(groups)
    assert set(by_group) == {
        "retrieval", "purchase history", "category affinity", "similar users", "item sales", "price", "user activity",
    }  # fmt: skip
    assert by_group.pop("price") > 1.2 * max(by_feature.values())
    assert all(abs(drop) < 0.02 for drop in by_group.values())


def test_equal_features_hide_each_other_but_not_their_group(by_price, held_out):
    matrix, names = by_price.pairs.matrix.copy(), by_price.pairs.feature_names
    difference = matrix[:, names.index("abs_log_price_difference")].copy()
    for name in names:
        if "log_price" in name:
            matrix[:, names.index(name)] = difference
    equal = held_out(replace(by_price, pairs=replace(by_price.pairs, matrix=matrix)))

    by_feature, by_group = drops(feature_importances(*equal, 1)), drops(group_importances(*equal, 1))

    assert by_group["price"] > 0.2
    assert max(by_feature.values()) < 0.75 * by_group["price"]
