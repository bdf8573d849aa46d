"""A map of the item vectors, coloured by department, with the names of what sells most."""

from collections import Counter
from typing import Final
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from evaluation.report.formatting import counted, plain, shortened
from evaluation.report.map_labels import MapLabels
from evaluation.report.palette import OTHER, SERIES
from evaluation.report.report_section import Key, Panel, ReportSection, Table
from evaluation.results import ItemMap, Results

DEPARTMENTS: Final = 12
_WIDTH: Final = 1080
_PADDING: Final = 16
_MOST_DOTS: Final = 12_000  # a hundred thousand would make a file of megabytes, and one blot
_MOST_TITLES: Final = 1_500  # dots that say their name under the pointer
_MOST_NAMES: Final = 36
_INNER: Final = (0.002, 0.998)  # quantiles between which the scale is taken


def item_map(results: Results) -> ReportSection | None:
    """Draw the map of the last cut that has one; None if none has."""
    mapped = [(cut["cut"], cut["map"]) for cut in results["cuts"] if cut["map"] and cut["map"]["x"]]
    if not mapped:
        return None
    cut, items = mapped[-1]
    departments = Counter(items["department"]).most_common(DEPARTMENTS)
    names = [name for name, _ in departments]
    keys = [
        Key(colour, f"{plain(name)} ({number:,})") for colour, (name, number) in zip(SERIES, departments, strict=False)
    ]
    rest = len(items["x"]) - sum(number for _, number in departments)
    if rest:
        keys.append(Key(OTHER, f"all other departments ({rest:,})"))
    best = _best_sellers(items, _MOST_DOTS)
    left_out = f" Only the {len(best):,} best sellers are drawn." if len(best) < len(items["x"]) else ""
    return ReportSection(
        title="What has the model understood of the catalogue?",
        reading=(
            f"{counted(len(items['x']), 'item')}, week of {cut}. Items that the model holds for alike lie close to "
            "each other. Point at a department to see it alone, and at a larger dot for "
            f"its name. A few items far away from all others are drawn at the edge.{left_out}"
        ),
        panels=(
            Panel(
                "Map of the item vectors",
                _svg(items, best, names),
                f"Scatter plot of items by department: {', '.join(key.label for key in keys)}.",
            ),
        ),
        tables=(
            Table(
                ("best sellers", "department", "sales"),
                tuple(
                    (plain(items["name"][item]), plain(items["department"][item]), f"{items['sales'][item]:,}")
                    for item in best[:_MOST_NAMES].tolist()
                ),
                words=2,
            ),
        ),
        keys=tuple(keys),
        wide=True,
    )


def _best_sellers(items: ItemMap, most: int) -> NDArray[np.intp]:
    """Return the positions of at most `most` items, by sales, equal ones by position."""
    return np.argsort(-np.array(items["sales"]), kind="stable")[:most]


def _svg(items: ItemMap, best: NDArray[np.intp], names: list[str]) -> str:
    """Write dots as one path for each department, best sellers as circles with a title, and names.

    A path of points with round caps takes a tenth of the room of as many circles.
    """
    x, y, height = _places(items, best)
    group = np.array([names.index(name) if name in names else len(names) for name in items["department"]])
    root = ET.Element("svg", {"viewBox": f"0 0 {_WIDTH} {height}", "class": "map"})
    titled = set(best[:_MOST_TITLES].tolist())
    for number in (len(names), *range(len(names))):
        members = [item for item in best.tolist() if group[item] == number]
        colour = SERIES[number] if number < len(names) else OTHER
        layer = ET.SubElement(root, "g", {"class": f"d d{number + 1}", "style": f"--c: var(--{colour.name})"})
        path = "".join(f"M{x[item]:g} {y[item]:g}h0" for item in members if item not in titled)
        ET.SubElement(layer, "path", {"d": path})
        for item in (item for item in members if item in titled):
            circle = ET.SubElement(layer, "circle", {"cx": f"{x[item]:g}", "cy": f"{y[item]:g}", "r": "3.2"})
            told = f"{shortened(items['name'][item], 60)}\n{plain(items['department'][item])}"
            ET.SubElement(circle, "title").text = f"{told}\n{items['sales'][item]:,} sold"
    labels = MapLabels(_WIDTH, height)
    for number, name in enumerate(names):
        members = [item for item in best.tolist() if group[item] == number]
        text = shortened(name, 24).upper()
        if members and labels.centred(float(np.median(x[members])), float(np.median(y[members])), text):
            place = {"class": "department", "style": f"--c: var(--{SERIES[number].name})"}
            labels.write(root, text, place)
    for item in best[: 4 * _MOST_NAMES].tolist():
        if labels.beside(float(x[item]), float(y[item]), text := shortened(items["name"][item], 24)):
            labels.write(root, text, {"class": "item"})
        if len(labels.boxes) >= len(names) + _MOST_NAMES:
            break
    return ET.tostring(root, encoding="unicode")


def _places(items: ItemMap, best: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return x and y (items,) in pixels, to tenths, both on one scale, and the height that they need.

    A few items far away from all others would shrink the rest to a blot: they are drawn at the edge.
    """
    x, y = np.array(items["x"], np.float64), -np.array(items["y"], np.float64)
    (left, right), (top, bottom) = (np.quantile(axis[best], _INNER) for axis in (x, y))
    room = _WIDTH - 4 * _PADDING
    scale = min(room / max(right - left, 1e-9), 0.72 * room / max(bottom - top, 1e-9))
    height = max(300, round((bottom - top) * scale) + 4 * _PADDING)
    across = (x - (left + right) / 2) * scale + _WIDTH / 2
    down = (y - (top + bottom) / 2) * scale + height / 2
    edge = _PADDING / 2
    return across.clip(edge, _WIDTH - edge).round(1), down.clip(edge, height - edge).round(1), height
