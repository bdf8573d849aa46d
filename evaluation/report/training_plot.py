"""How the model learned: loss and recall, epoch by epoch, in two panels."""

from typing import Final

from evaluation.report.formatting import decimals, percent
from evaluation.report.line_panel import LOSS, Line, line_panel
from evaluation.report.palette import SERIES
from evaluation.report.report_section import Panel, ReportSection, Table
from evaluation.results import EpochRow, Results

_MOST_TICKS: Final = 10


def training_curve(results: Results) -> ReportSection | None:
    """Draw the training of the last cut that has one; None if none has."""
    trained = [cut for cut in results["windows"] if cut["training_history"]]
    if not trained:
        return None
    epochs = trained[-1]["training_history"]
    blue, vermillion, green = SERIES[:3]
    loss = Line("loss", "ours", blue, (), "o", tuple(epoch["loss"] for epoch in epochs))
    recall = [
        Line("all purchases", "ours", vermillion, (), "o", tuple(epoch["recall"] for epoch in epochs)),
        Line("new to the user", "ours", green, (5, 2), "s", tuple(epoch["new_item_recall"] for epoch in epochs)),
    ]
    panels = [
        Panel(
            "Loss",
            line_panel([loss], _places(epochs), _ticks(epochs), "epoch", "loss", LOSS),
            f"Line chart of the loss, from {decimals(epochs[0]['loss'])} to {decimals(epochs[-1]['loss'])}.",
        )
    ]
    if any(value is not None for line in recall for value in line.values):
        ends = ", ".join(f"{line.label} {percent(line.values[-1])}" for line in recall)
        svg = line_panel(recall, _places(epochs), _ticks(epochs), "epoch", "recall by epoch")
        panels.append(Panel("Recall", svg, f"Line chart of recall; after the last epoch: {ends}."))
    rows = tuple(
        (str(epoch["epoch"]), decimals(epoch["loss"]), percent(epoch["recall"]), percent(epoch["new_item_recall"]))
        for epoch in epochs
    )
    return ReportSection(
        title="How did the model learn?",
        reading=f"Training for the week of {trained[-1]['cut_date']}. An epoch is one pass over the past purchases.",
        panels=tuple(panels),
        tables=(Table(("epoch", "loss", "recall", "recall of new items"), rows),),
    )


def _places(epochs: list[EpochRow]) -> list[float]:
    return [float(epoch["epoch"]) for epoch in epochs]


def _ticks(epochs: list[EpochRow]) -> list[str]:
    every = -(-len(epochs) // _MOST_TICKS)
    return [str(epoch["epoch"]) if place % every == 0 else "" for place, epoch in enumerate(epochs)]
