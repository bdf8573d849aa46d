"""What an evaluation prints: every model, both protocols side by side, medians over the cuts."""

from tabulate import tabulate

from evaluation.measures import judged_at
from evaluation.results import Results
from evaluation.summaries import cold_users_of


def evaluation_table(results: Results) -> str:
    """One row for each model: medians over the cuts, and the least and the largest of them."""
    k = judged_at(results["cutoffs"])
    measures = [*(f"recall@{cutoff}" for cutoff in results["cutoffs"]), "map@12"]
    header = ["", *(f"{measure}" for measure in measures), "cuts", f"new: recall@{k}", "cuts", "coverage"]
    body = []
    for name, medians in results["medians"].items():
        models = [cut["models"][name] for cut in results["cuts"]]
        body.append(
            [
                name,
                *(_shown(medians["all"].get(measure)) for measure in measures),
                _range([model["all"][f"recall@{k}"][0] for model in models]),
                _shown(medians["new"].get(f"recall@{k}")),
                _range([model["new"][f"recall@{k}"][0] for model in models if model["new"]]),
                f"{models[-1]['breadth']['coverage']:.3f}",
            ]
        )
    table: str = tabulate(body, headers=header, disable_numparse=True)
    cuts = results["cuts"]
    cold = cold_users_of(cuts)
    beside = (
        f"\nBeside these {cold[0]:,} users who had never bought before, and are shown last week's bestsellers: "
        f"recall@{k} {cold[1]:.4f}\n"
        if cold
        else ""
    )
    return (
        f"\nMedians over {len(cuts)} cuts, {cuts[0]['cut']} to {cuts[-1]['cut']}, "
        f"{min(cut['users'] for cut in cuts):,} to {max(cut['users'] for cut in cuts):,} users, whole catalogue:\n\n"
        f"{table}\n{beside}"
    )


def _range(values: list[float]) -> str:
    return f"{min(values):.4f}-{max(values):.4f}" if values else "-"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
