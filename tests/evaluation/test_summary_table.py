from evaluation.filter_costs import ALL_FILTERS
from evaluation.summaries import combine_windows
from evaluation.summary_table import evaluation_table


def price(name, setting, dropped, every, new, *, in_force=True):
    def compared(change):
        return None if change is None else {"difference": [change, change - 0.01, change + 0.01], "ratio": None}

    return {"name": name, "setting": setting, "active": in_force, "dropped": dropped, "affected_users": 1.0,
    "short_lists": 0.0,
            "all": compared(every), "new": compared(new)}  # fmt: skip


def table_of(*filters):
    """What is printed of two cuts with these prices."""
    measured = {"recall@100": [0.25, 0.2, 0.3], "map@100": [0.05, 0.04, 0.06]}
    coverage = {"distinct_items": 8, "coverage": 0.5, "popularity_bias": 0.5, "bestseller_share": 0.5}
    parts = {"slices": {"activity": [], "items": [], "deciles": []}, "catalogue_coverage": coverage}
    cuts = [
        {"cut_date": date, "users": 40, "users_new": 30, "comparisons": {}, "sources": None,
         "training_history": [],
         "models": {"towers": {"all": measured, "new": measured, **parts}}, **prices}
        for date, prices in zip(("2017-11-28", "2017-12-05"), filters, strict=True)
    ]  # fmt: skip
    return evaluation_table(combine_windows({}, [100], cuts))


def cells_of(lines):
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


def test_beneath_the_models_every_filter_stands_with_what_it_drops_and_costs():
    said = table_of(
        {"filter_costs": [price("cool_down", "28 days", 0.2, -0.05, 0.0, in_force=False),
                     price(ALL_FILTERS, "", 0.02, -0.004, 0.001)]},
        {"filter_costs": [price("cool_down", "28 days", 0.3, -0.07, None, in_force=False),
                     price(ALL_FILTERS, "", 0.04, -0.002, None)]},
    )  # fmt: skip

    models, filters = said.split("\nFilters: share of 100 candidates dropped, and recall with the filter minus without")
    assert "towers" in models
    assert cells_of(filters.splitlines()[2:]) == [
        ["filter", "setting", "in force", "dropped", "windows", "recall@100", "windows", "new: recall@100", "windows"],
        ["-" * width for width in (12, 9, 10, 9, 13, 12, 18, 17, 18)],
        ["all in force", "-", "yes", "0.0300", "0.0200-0.0400", "-0.0030", "-0.0040 to -0.0020", "+0.0010",
         "+0.0010 to +0.0010"],
        ["cool_down", "28 days", "no", "0.2500", "0.2000-0.3000", "-0.0600", "-0.0700 to -0.0500", "+0.0000",
         "+0.0000 to +0.0000"],
    ]  # fmt: skip


def test_where_nobody_bought_anything_new_there_is_a_dash():
    said = table_of(*[{"filter_costs": [price("for_sale", "", 0.1, -0.01, None)]}] * 2)

    assert cells_of(said.splitlines()[-1:])[0][-3:] == ["-0.0100 to -0.0100", "-", "-"]


def test_an_evaluation_without_prices_ends_with_its_models():
    assert "Filters" not in table_of({}, {})
    assert table_of({}, {"filter_costs": []}).splitlines()[-1].startswith("towers")


def test_at_the_end_every_compared_model_stands_beside_the_best_simple_list_of_each_week():
    compared = {"map@12": {"difference": [0.0, 0.0, 0.0], "ratio": None}}
    slices = {"activity": [], "items": [], "deciles": []}
    catalogue_coverage = {"distinct_items": 8, "coverage": 0.5, "popularity_bias": 0.5, "bestseller_share": 0.5}
    # Average precision of the model and of two lists on all purchases; the second week had no new ones.
    weeks = {"2017-11-28": (0.15, 0.1, 0.05), "2017-12-05": (0.24, 0.1, 0.2), "2017-12-12": (0.1, 0.1, 0.125)}

    def model(precision, date):
        measured = {"recall@12": [0.3, 0.2, 0.4], "map@12": [precision, 0.0, 1.0]}
        return {
            "all": measured, "new": {} if date == "2017-12-05" else measured, "slices": slices,
            "catalogue_coverage": catalogue_coverage,
        }  # fmt: skip

    cuts = [
        {"cut_date": date, "users": 40, "users_new": 30, "sources": None,
         "training_history": [],
         "models": dict(zip(("towers", "a", "b"), (model(each, date) for each in precisions), strict=True)),
         "comparisons": {"towers": {
             name: {"all": compared, "new": {} if date == "2017-12-05" else compared} for name in "ab"}}}
        for date, precisions in weeks.items()
    ]  # fmt: skip

    said = evaluation_table(combine_windows({}, [12], cuts))

    _, orders = said.split("\nOrder: map@12, and its ratio to that of each week's best simple list:\n")
    header, _, *rows = cells_of(orders.splitlines()[1:])
    assert header == ["map@12", "windows", "ratio", "windows", "new: map@12", "windows", "ratio", "windows"]
    # Ratios of 1.5, 1.2 and 0.8; without the second week 1.5 and 0.8.
    assert rows == [
        ["towers", "0.1500", "0.1000-0.2400", "1.200", "0.800-1.500", "0.1250", "0.1000-0.1500", "1.150", "0.800-1.500"]
    ]


def test_where_nothing_is_compared_no_order_is_told():
    assert "Order" not in table_of({}, {})
