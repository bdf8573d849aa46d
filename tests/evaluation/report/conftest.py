"""Invented results of an evaluation with all parts: thirteen models, four weeks."""

from copy import deepcopy

import numpy as np
import pytest

from evaluation.metrics import comparison_metrics
from evaluation.summaries import combine_windows

CUTOFFS = (12, 50, 100, 300)
CUT_DATES = ("2017-11-14", "2017-11-21", "2017-11-28", "2017-12-05")
# Recall@100 on all purchases and on new items, catalogue coverage, popularity bias.
MODELS = {
    "blended candidates": (0.338, 0.118, 0.61, 0.84),
    "two towers": (0.292, 0.109, 0.71, 0.79),
    "two towers, without recency": (0.271, 0.101, 0.69, 0.80),
    "own purchases by frequency": (0.312, 0.052, 0.38, 0.93),
    "last week's bestsellers": (0.121, 0.052, 0.004, 0.998),
    "decayed popularity": (0.164, 0.061, 0.05, 0.96),
    "item-kNN": (0.262, 0.084, 0.57, 0.86),
    "all-time bestsellers": (0.098, 0.041, 0.004, 0.97),
    "source: own purchases": (0.301, 0.0, 0.36, 0.91),
    "source: bought together": (0.187, 0.084, 0.55, 0.86),
    "source: two towers": (0.283, 0.106, 0.70, 0.79),
    "source: bestsellers": (0.121, 0.049, 0.004, 0.998),
}
BLENDED, RANKED = "blended candidates", "ranked candidates"  # the same candidates in two orders
COMPARED = (BLENDED, RANKED, "two towers", "two towers, without recency")
BASELINES = tuple(MODELS)[3:8]
# Fall of NDCG@12 without the feature; observed share by predicted probability.
IMPORTANCES = {
    "item_purchases_per_active_day": 0.0412, "blender_score": 0.0297, "bought_again_rank": 0.0201,
    "item_days_before_last_purchase": 0.0125, "department_purchase_share": 0.0048,
    "log_price_difference": 0.0013, "log_sales_7d": 0.0004, "user_active_days": -0.0002,
}  # fmt: skip
RELIABILITY = {0.0006: 0.0, 0.0011: 0.0009, 0.0019: 0.0022, 0.0034: 0.0031, 0.0058: 0.0066, 0.0101: 0.0098,
               0.0177: 0.0190, 0.0316: 0.0301, 0.0650: 0.0702, 0.2140: 0.1986}  # fmt: skip
# Recall alone, unique recall, share of the blended candidates.
SOURCES = {
    "own purchases": (0.301, 0.094, 0.46),
    "two towers": (0.283, 0.051, 0.31),
    "bought together": (0.187, 0.019, 0.16),
    "last week's bestsellers": (0.121, 0.008, 0.07),
}
# Whether it is active, share of candidates dropped, shares of affected users and of users with short lists, changes of
# recall@100 on all purchases and on new items.
FILTERS = {
    ("for_sale", ""): (True, 0.021, 0.61, 0.0, -0.0024, -0.0006),
    ("age_limit", ""): (True, 0.034, 0.44, 0.0, -0.0071, 0.0009),
    ("all active filters", ""): (True, 0.052, 0.78, 0.0, -0.0092, 0.0002),
    ("already_bought", "drop"): (False, 0.413, 0.99, 0.0, -0.231, 0.0),
    ("cool_down", "7 days"): (False, 0.082, 0.83, 0.0, -0.0451, 0.0),
    ("cool_down", "28 days"): (False, 0.204, 0.95, 0.0, -0.1174, 0.0),
    ("channel", "2"): (False, 0.127, 1.0, 0.003, -0.0312, -0.0108),
    ("department_cap", "at most 10"): (False, 0.262, 1.0, 0.0, -0.0402, -0.0187),
    ("unsold", "56 days"): (False, 0.013, 0.31, 0.0, 0.0011, 0.0014),
}


def _estimate(mean, users):
    half = 1.96 * 0.36 * (mean / 0.3) ** 0.5 / users**0.5
    return [round(mean, 5), round(max(0.0, mean - half), 5), round(mean + half, 5)]


def _metrics(recall, users):
    shape = {12: 0.36, 50: 0.76, 100: 1.0, 300: 1.42}
    return {
        **{f"recall@{k}": _estimate(recall * shape[k], users) for k in CUTOFFS},
        **{f"hit_rate@{k}": _estimate(min(0.97, 2.1 * recall * shape[k]), users) for k in CUTOFFS},
        "map@12": _estimate(recall * 0.19, users),
        "ndcg@12": _estimate(recall * 0.47, users),
    }


def _slices(recall, bias, users, random):
    steepness = 3 * (bias - 0.6)
    deciles = recall * np.exp(-steepness * np.linspace(-0.6, 1, 10)) + random.normal(0, 0.004, 10)
    groups = ("cold users", "1-12 purchases", "13-48 purchases", "49-140 purchases", "141-1,204 purchases")
    return {
        "activity": [
            {"name": name, "users": users // 5, "recall": _estimate(recall * factor, users // 5)}
            for name, factor in zip(groups, (0.4, 0.7, 0.95, 1.1, 1.2), strict=True)
        ],
        "items": [
            {"name": "never sold before", "relevant": 812, "recall": 0.09 * (1 - bias)},
            {"name": "sold before", "relevant": 41_377, "recall": recall * 0.93},
        ],
        "deciles": [
            {"decile": number, "relevant": 4_000 + 37 * (number - 1), "recall": float(max(0.0, share))}
            for number, share in enumerate(deciles, 1)
        ],
    }


def _compared(models, model, baseline, protocol, users):
    def compared(metric):
        mean, below = (models[name][protocol][metric][0] for name in (model, baseline))
        half = 0.42 * mean / (models[model][protocol]["recall@100"][0] or 1) / users**0.5
        difference = [mean - below, mean - below - half, mean - below + half]
        ratio = [mean / below, (mean - half) / below, (mean + half) / below] if below else None
        return {"difference": difference, "ratio": ratio}

    return {metric: compared(metric) for metric in comparison_metrics(CUTOFFS)}


def _ranked(retrieved):
    """The same candidates with MAP and NDCG increased by 3 % on all purchases."""
    ranked = deepcopy(retrieved)
    for metric in ("map@12", "ndcg@12"):
        ranked["all"][metric] = [1.03 * value for value in ranked["all"][metric]]
    return ranked


def _rankings(models, users, *, ranked):
    names = {"retrieved_model": BLENDED, "ranked_model": RANKED}
    test = _compared(models, RANKED, BLENDED, "all", 100 * users)
    unchanged = {"difference": [0.0, 0.0, 0.0], "ratio": [1.0, 1.0, 1.0]}
    validation = {"retrieval": [0.312, 0.301, 0.323], "ranker": [0.331, 0.32, 0.342],
                  "difference": [0.019, 0.004 if ranked else -0.004, 0.034]}  # fmt: skip
    return {
        "all": {
            "ranked": ranked, "reason": f"Ranker {'used' if ranked else 'not used'}: NDCG@12 decides.",
            "validation_users": 1_214, "validation": {"ndcg@12": validation, "map@12": validation}, **names,
            "test": test, "importances": [{"feature": name, "ndcg_drop": drop} for name, drop in IMPORTANCES.items()],
            "reliability": [
                {"predicted": predicted, "observed": observed, "count": 12_140}
                for predicted, observed in RELIABILITY.items()
            ],
        },
        "new": {
            "ranked": False, "reason": "Ranker not used: too few users.", "validation_users": 0, "validation": {},
            **names, "test": dict.fromkeys(test, unchanged), "importances": [], "reliability": [],
        },
    }  # fmt: skip


def _filters(random, users, users_new):
    def compared(change, users, recall):
        half = 0.6 * abs(change) ** 0.5 / users**0.5
        mean = change * (1 + random.normal(0, 0.15))
        difference = [mean, mean - half, mean + half]
        return {"difference": difference, "ratio": [1 + value / recall for value in difference]}

    return [
        {"name": name, "setting": setting, "active": active, "dropped": dropped * (1 + random.normal(0, 0.06)),
         "affected_users": affected, "short_lists": short,
         "all": compared(change, users, 0.338), "new": compared(new_change, users_new, 0.118)}
        for (name, setting), (active, dropped, affected, short, change, new_change) in FILTERS.items()
    ]  # fmt: skip


def _sources():
    shape = {"50": 0.76, "100": 1.0, "300": 1.42}
    tilt = {"50": 0.05, "100": 0.0, "300": -0.12}
    shares = {}
    for budget in shape:
        raw = np.array([share for *_, share in SOURCES.values()]) + tilt[budget] * np.array([1, -0.2, -0.4, -0.4])
        shares[budget] = dict(zip(SOURCES, (raw / raw.sum()).tolist(), strict=True))
    return {
        "budgets": [50, 100, 300],
        "rows": [
            {
                "source": name,
                "alone": {budget: alone * factor for budget, factor in shape.items()},
                "unique": {budget: unique * factor for budget, factor in shape.items()},
            }
            for name, (alone, unique, _) in SOURCES.items()
        ],
        "union": {budget: 0.431 * factor for budget, factor in shape.items()},
        "blended": {budget: 0.338 * factor for budget, factor in shape.items()},
        "shares": shares,
    }


@pytest.fixture(scope="session")
def make_results():
    """Create results of the first `weeks` weeks, with the recall of the first model multiplied by `factor`."""

    def make_results(factor=1.0, weeks=4):
        random, filter_random = np.random.default_rng(5), np.random.default_rng(6)
        windows = []
        for number, cut_date in enumerate(CUT_DATES[:weeks]):
            users, users_new, models = 2_210 + 31 * number, 2_050 + 17 * number, {}
            for name, (recall, new_recall, coverage, bias) in MODELS.items():
                noise = (factor if name == BLENDED else 1.0) * (1 + random.normal(0, 0.02)) * (1 + 0.02 * number)
                models[name] = {
                    "all": _metrics(recall * noise, users),
                    "new": _metrics(new_recall * noise, users_new),
                    "slices": _slices(recall * noise, bias, users, random),
                    "catalogue_coverage": {"distinct_items": int(coverage * 92_000), "coverage": coverage,
                                           "popularity_bias": bias, "bestseller_share": bias**8},
                }  # fmt: skip
            first, *others = models.items()
            models = dict([first, (RANKED, _ranked(first[1])), *others])
            comparisons = {
                model: {
                    baseline: {
                        "all": _compared(models, model, baseline, "all", users),
                        "new": _compared(models, model, baseline, "new", users_new),
                    }
                    for baseline in BASELINES
                }
                for model in COMPARED
            }
            training_history = [
                {"epoch": epoch, "loss": 7.2 + 1.9 * 0.8**epoch, "recall": 0.29 - 0.12 * 0.75**epoch,
                 "new_item_recall": 0.11 - 0.06 * 0.75**epoch - 0.0004 * epoch}
                for epoch in range(1, 16)
            ]  # fmt: skip
            windows.append(
                {"cut_date": cut_date, "users": users, "users_new": users_new, "models": models,
                 "comparisons": comparisons, "sources": _sources(),
                 "filter_costs": _filters(filter_random, users, users_new),
                 "rankings": _rankings(models, users, ranked=number != 1), "training_history": training_history}
            )  # fmt: skip
        return combine_windows(
            {"created": "2024-05-01T12:00:00+00:00", "commit": "0123abc", "seed": 7, "users": 2_469, "items": 92_331,
             "purchases": 1_469_307, "seconds": 812.4, "dataset": "The Complete Journey (invented numbers)"},
            CUTOFFS,
            windows,
        )  # fmt: skip

    return make_results
