import pytest

from evaluation.filter_costs import ALL_FILTERS
from evaluation.summaries import combine_windows
from evaluation.summary_table import summary_table
from features.report_table import WIDTH

COVERAGE = {"distinct_items": 8, "coverage": 0.5, "popularity_bias": 0.5, "bestseller_share": 0.5}
SLICES = {"activity": [], "items": [], "deciles": []}


def estimate(mean):
    return [mean, mean - 0.01, mean + 0.01]


def model(recall, precision, *, new=True):
    metrics = {"recall@12": estimate(recall / 2), "recall@100": estimate(recall), "map@12": estimate(precision)}
    return {"all": metrics, "new": metrics if new else {}, "slices": SLICES, "catalogue_coverage": COVERAGE}


def window(cut_date, models, *, users=40, **more):
    parts = {"users_new": 30, "comparisons": {}, "sources": None, "training_history": []}
    return {"cut_date": cut_date, "users": users, "models": models, **parts, **more}


def cost(name, setting, dropped, change, new_change, *, active=True):
    def compared(difference):
        return None if difference is None else {"difference": estimate(difference), "ratio": None}

    return {
        "name": name, "setting": setting, "active": active, "dropped": dropped, "affected_users": 1.0,
        "short_lists": 0.0, "all": compared(change), "new": compared(new_change),
    }  # fmt: skip


def tables_of(*windows):
    """The tables by title, as lists of cells; the text that is not in a table has the key ""."""
    text = summary_table(combine_windows({}, [12, 100], list(windows)))
    assert max(map(len, text.splitlines())) <= WIDTH
    tables, title = {"": []}, ""
    for part in text.strip().split("\n\n"):
        lines = part.splitlines()
        if len(lines) > 1 and set(lines[1]) == {"-", " "}:
            tables[title] = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]
            del tables[title][1]
        else:
            title = part
            tables[""].append(part)
    return tables


def starting(tables, title):
    (table,) = [table for name, table in tables.items() if name.startswith(title)]
    return table


def test_each_model_has_its_medians_range_and_coverage():
    tables = tables_of(
        window("2017-11-28", {"two towers": model(0.25, 0.05)}),
        window("2017-12-05", {"two towers": model(0.3, 0.08, new=False)}, users=50),
    )

    assert tables[""][0].startswith("Medians over 2 weekly windows, cuts 2017-11-28 to 2017-12-05, 40-50 users each.")
    assert tables["All purchases"] == [
        ["model", "R@12", "R@100", "MAP@12", "R@100 range", "coverage"],
        ["two towers", "0.1375", "0.2750", "0.0650", "0.2500-0.3000", "0.500"],
    ]
    # No user bought new items in the second window.
    assert starting(tables, "Items new") == [
        ["model", "R@12", "R@100", "MAP@12", "R@100 range"],
        ["two towers", "0.1250", "0.2500", "0.0500", "0.2500-0.2500"],
    ]
    assert len(tables) == 3


def test_cold_users_are_reported_separately():
    cold = {"users": 3, "recall": estimate(0.2)}

    tables = tables_of(window("2017-11-28", {"two towers": model(0.25, 0.05)}, cold_users=cold))

    assert any("3 cold users" in text and "0.2000" in text for text in tables[""])


def test_each_filter_has_what_it_drops_and_the_change_of_recall():
    towers = {"two towers": model(0.25, 0.05)}
    tables = tables_of(
        window("2017-11-28", towers, filter_costs=[
            cost("cool_down", "28 days", 0.2, -0.05, 0.0, active=False), cost(ALL_FILTERS, "", 0.02, -0.004, 0.001),
        ]),
        window("2017-12-05", towers, filter_costs=[
            cost("cool_down", "28 days", 0.3, -0.07, None, active=False), cost(ALL_FILTERS, "", 0.04, -0.002, None),
        ]),
    )  # fmt: skip

    assert starting(tables, "Filters: share of the first 100 candidates") == [
        ["filter", "active", "dropped", "all", "range", "new", "range"],
        ["all active filters", "yes", "3.0 %", "-0.30", "-0.40 to -0.20", "+0.10", "+0.10 to +0.10"],
        ["cool_down, 28 days", "no", "25.0 %", "-6.00", "-7.00 to -5.00", "+0.00", "+0.00 to +0.00"],
    ]


def test_missing_values_are_dashes():
    costs = [cost("for_sale", "", 0.1, -0.01, None)]

    tables = tables_of(window("2017-11-28", {"two towers": model(0.25, 0.05)}, filter_costs=costs))

    assert starting(tables, "Filters")[1][-2:] == ["-", "-"]


def test_each_compared_model_has_its_ratio_to_the_best_baseline_of_each_window():
    compared = {"map@12": {"difference": [0.0, 0.0, 0.0], "ratio": None}}
    # MAP of the model and of two baselines; in the second window no user bought new items.
    windows = []
    for cut_date, precisions, new in (
        ("2017-11-28", (0.15, 0.1, 0.05), True),
        ("2017-12-05", (0.24, 0.1, 0.2), False),
        ("2017-12-12", (0.1, 0.1, 0.125), True),
    ):
        models = {
            name: model(0.3, each, new=new) for name, each in zip(("two towers", "a", "b"), precisions, strict=True)
        }
        comparisons = {"two towers": {name: {"all": compared, "new": compared if new else {}} for name in "ab"}}
        windows.append(window(cut_date, models) | {"comparisons": comparisons})

    # Ratios of 1.5, 1.2 and 0.8; without the second window 1.5 and 0.8.
    assert starting(tables_of(*windows), "MAP@12, and its ratio") == [
        ["model", "items", "MAP@12", "range", "ratio", "range"],
        ["two towers", "all", "0.1500", "0.1000-0.2400", "1.200", "0.800-1.500"],
        ["two towers", "new", "0.1250", "0.1000-0.1500", "1.150", "0.800-1.500"],
    ]


@pytest.mark.parametrize("length", [28, 29])
def test_long_names_are_abbreviated(length):
    tables = tables_of(window("2017-11-28", {"x" * length: model(0.25, 0.05)}))

    assert tables["All purchases"][1][0] == ("x" * 28 if length == 28 else "x" * 27 + "…")
