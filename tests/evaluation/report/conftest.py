"""An invented evaluation with everything that a real one has: thirteen models, four weeks."""

from copy import deepcopy

import numpy as np
import pytest

from evaluation.metrics import comparison_metrics
from evaluation.summaries import combine_windows

CUTOFFS = (12, 50, 100, 300)
CUTS = ("2017-11-14", "2017-11-21", "2017-11-28", "2017-12-05")
# Recall@100 on all purchases and on new ones, share of the catalogue shown, mean sales percentile.
MODELS = {
    "blended candidates": (0.338, 0.118, 0.61, 0.84),
    "two towers": (0.292, 0.109, 0.71, 0.79),
    "two towers, without recency": (0.271, 0.101, 0.69, 0.80),
    "own purchases by frequency": (0.312, 0.052, 0.38, 0.93),
    "last week's bestsellers": (0.121, 0.052, 0.004, 0.998),
    "bestsellers of the department": (0.164, 0.061, 0.05, 0.96),
    "bought together (item to item)": (0.262, 0.084, 0.57, 0.86),
    "popular in the same week last year": (0.098, 0.041, 0.004, 0.97),
    "source: own purchases": (0.301, 0.0, 0.36, 0.91),
    "source: bought together": (0.187, 0.084, 0.55, 0.86),
    "source: two towers": (0.283, 0.106, 0.70, 0.79),
    "source: bestsellers": (0.121, 0.049, 0.004, 0.998),
}
RANKED = "ranked candidates"  # those of the first model in another order
OURS = ("blended candidates", RANKED, "two towers", "two towers, without recency")
BASELINES = tuple(MODELS)[3:8]
# How much NDCG@12 falls without a feature; shares of candidates that were predicted to be bought, and that were.
IMPORTANCES = {
    "item_purchases_per_active_day": 0.0412, "blender_score": 0.0297, "bought_again_rank": 0.0201,
    "item_days_before_last_purchase": 0.0125, "department_purchase_share": 0.0048,
    "log_price_difference": 0.0013, "log_sales_7d": 0.0004, "user_active_days": -0.0002,
}  # fmt: skip
RELIABILITY = {0.0006: 0.0, 0.0011: 0.0009, 0.0019: 0.0022, 0.0034: 0.0031, 0.0058: 0.0066, 0.0101: 0.0098,
               0.0177: 0.0190, 0.0316: 0.0301, 0.0650: 0.0702, 0.2140: 0.1986}  # fmt: skip
SOURCES = {
    "own purchases": (0.301, 0.094, 0.46),
    "two towers": (0.283, 0.051, 0.31),
    "bought together": (0.187, 0.019, 0.16),
    "last week's bestsellers": (0.121, 0.008, 0.07),
}
# Whether it is in force, share of the candidates dropped, of the users who lose any and who are left short, and what it
# changes of recall@100 on all purchases and on new ones, as shares.
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


def _measures(recall, users):
    shape = {12: 0.36, 50: 0.76, 100: 1.0, 300: 1.42}
    return {
        **{f"recall@{k}": _estimate(recall * shape[k], users) for k in CUTOFFS},
        **{f"hit_rate@{k}": _estimate(min(0.97, 2.1 * recall * shape[k]), users) for k in CUTOFFS},
        "map@12": _estimate(recall * 0.19, users),
        "ndcg@12": _estimate(recall * 0.47, users),
    }


def _slices(recall, bias, users, chance):
    steep = 3 * (bias - 0.6)
    decile = recall * np.exp(-steep * np.linspace(-0.6, 1, 10)) + chance.normal(0, 0.004, 10)
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
            {"decile": place + 1, "relevant": 4_000 + 37 * place, "recall": float(max(0.0, share))}
            for place, share in enumerate(decile)
        ],
    }


def _compared(models, model, baseline, protocol, users):
    def compared(measure):
        mean, below = (models[name][protocol][measure][0] for name in (model, baseline))
        half = 0.42 * mean / (models[model][protocol]["recall@100"][0] or 1) / users**0.5
        difference = [mean - below, mean - below - half, mean - below + half]
        ratio = [mean / below, (mean - half) / below, (mean + half) / below] if below else None
        return {"difference": difference, "ratio": ratio}

    return {measure: compared(measure) for measure in comparison_metrics(CUTOFFS)}


def _ranked(retrieved):
    """The same candidates, of which those that were bought stand a little further in front."""
    ranked = deepcopy(retrieved)
    for protocol, factor in (("all", 1.03), ("new", 1.0)):
        for measure in ("map@12", "ndcg@12"):
            ranked[protocol][measure] = [factor * value for value in ranked[protocol][measure]]
    return ranked


def _rankings(models, users, *, ranked):
    after, said = _compared(models, RANKED, OURS[0], "all", 100 * users), {True: "The ranker", False: "Retrieval"}
    nothing = {"difference": [0.0, 0.0, 0.0], "ratio": [1.0, 1.0, 1.0]}
    held_out = {"retrieval": [0.312, 0.301, 0.323], "ranker": [0.331, 0.32, 0.342],
                "difference": [0.019, 0.004 if ranked else -0.004, 0.034]}  # fmt: skip
    names = {"retrieved_model": OURS[0], "ranked_model": RANKED}
    return {
        "all": {
            "ranked": ranked, "reason": f"{said[ranked]} orders the candidates: NDCG@12 says so.",
            "validation_users": 1_214,
            "validation": {"ndcg@12": held_out, "map@12": held_out}, **names, "test": after,
            "importances": [{"feature": name, "ndcg_drop": loss} for name, loss in IMPORTANCES.items()],
            "reliability": [
                {"predicted": predicted, "observed": bought, "count": 12_140} for predicted,
                bought in RELIABILITY.items()
            ],
        },
        "new": {
            "ranked": False, "reason": "Retrieval orders what is new to the user.", "validation_users": 0,
            "validation": {},
            **names, "test": dict.fromkeys(after, nothing), "importances": [], "reliability": [],
        },
    }  # fmt: skip


def _filters(chance, users, users_new):
    def compared(change, users, recall):
        half = 0.6 * abs(change) ** 0.5 / users**0.5
        week = change * (1 + chance.normal(0, 0.15))
        difference = [week, week - half, week + half]
        return {"difference": difference, "ratio": [1 + value / recall for value in difference]}

    return [
        {"name": name, "setting": setting, "active": in_force, "dropped": dropped * (1 + chance.normal(0, 0.06)),
         "affected_users": lose, "short_lists": short, "all": compared(every, users, 0.338),
         "new": compared(new, users_new, 0.118)}
        for (name, setting), (in_force, dropped, lose, short, every, new) in FILTERS.items()
    ]  # fmt: skip


def _sources():
    shape = {"50": 0.76, "100": 1.0, "300": 1.42}
    tilt = {"50": 0.05, "100": 0.0, "300": -0.12}
    names = list(SOURCES)
    shares = {}
    for budget in shape:
        raw = np.array([SOURCES[name][2] for name in names]) + tilt[budget] * np.array([1, -0.2, -0.4, -0.4])
        shares[budget] = dict(zip(names, (raw / raw.sum()).tolist(), strict=True))
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
    """Make results in which the first model's recall is multiplied by `factor`, at the first `cuts` cuts."""

    def make_results(factor=1.0, cuts=4):
        chance, tills = np.random.default_rng(5), np.random.default_rng(6)
        made = []
        for place, cut in enumerate(CUTS[:cuts]):
            users, users_new, models = 2_210 + 31 * place, 2_050 + 17 * place, {}
            for name, (recall, new, coverage, bias) in MODELS.items():
                week = (factor if name == OURS[0] else 1.0) * (1 + chance.normal(0, 0.02)) * (1 + 0.02 * place)
                models[name] = {
                    "all": _measures(recall * week, users),
                    "new": _measures(new * week, users_new),
                    "slices": _slices(recall * week, bias, users, chance),
                    "catalogue_coverage": {"distinct_items": int(coverage * 92_000), "coverage": coverage,
                                "popularity_bias": bias, "bestseller_share": bias**8},
                }  # fmt: skip
            first, *others = models.items()
            models = dict([first, (RANKED, _ranked(first[1])), *others])
            differences = {
                model: {
                    baseline: {
                        "all": _compared(models, model, baseline, "all", users),
                        "new": _compared(models, model, baseline, "new", users_new),
                    }
                    for baseline in BASELINES
                }
                for model in OURS
            }
            training_history = [
                {"epoch": epoch, "loss": 7.2 + 1.9 * 0.8**epoch, "recall": 0.29 - 0.12 * 0.75**epoch,
                 "new_item_recall": 0.11 - 0.06 * 0.75**epoch - 0.0004 * epoch}
                for epoch in range(1, 16)
            ]  # fmt: skip
            made.append(
                {"cut_date": cut, "users": users, "users_new": users_new, "models": models, "comparisons": differences,
                 "sources": _sources(), "filter_costs": _filters(tills, users, users_new),
                 "rankings": _rankings(models, users, ranked=place != 1), "training_history": training_history}
            )  # fmt: skip
        return combine_windows(
            {"created": "2024-05-01T12:00:00+00:00", "commit": "0123abc", "seed": 7, "users": 2_469, "items": 92_331,
             "purchases": 1_469_307, "seconds": 812.4, "dataset": "The Complete Journey (invented numbers)"},
            CUTOFFS,
            made,
        )  # fmt: skip

    return make_results
