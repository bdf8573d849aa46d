"""One drawing by matplotlib as an SVG element that takes its colours from the page around it."""

import io
import re
import warnings
from collections.abc import Callable
from typing import Any, Final
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.report.palette import COLOURS, GRID, INK, SOFT

FONT_SIZE: Final = 12
_NO_METADATA: Final = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_SETTINGS: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",  # text stays text: it can be searched, and takes the page's font
    "text.parse_math": False,  # a name with dollar signs is a name
    "font.size": FONT_SIZE,
    "text.color": INK.light,
    "axes.edgecolor": GRID.light,
    "axes.labelcolor": SOFT.light,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID.light,
    "xtick.color": GRID.light,
    "ytick.color": GRID.light,
    "xtick.labelcolor": SOFT.light,
    "ytick.labelcolor": SOFT.light,
}
_VARIABLES: Final = {colour.light: f"var(--{colour.name})" for colour in COLOURS}


def drawn(draw: Callable[[Axes], None], salt: str, size: tuple[int, int], margins: tuple[int, int, int, int]) -> str:
    """Draw on fresh axes.

    One pixel of the drawing is one point of matplotlib. The same drawing gives the same text.

    Args:
        draw: Draws on the axes it is given, in colours of `evaluation.report.palette`.
        salt: A name of its own for each drawing of a page: what the drawing refers to in itself is named after it.
        size: Width and height in pixels.
        margins: Left, right, bottom and top of the axes in pixels.

    Returns:
        An `<svg>` element without width, height, script, style sheet or reference to anything outside.
    """
    (width, height), (left, right, bottom, top) = size, margins
    with mpl.rc_context(), warnings.catch_warnings():
        # The page's font may well have the letters that the one used for measuring lacks.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        mpl.rcdefaults()
        mpl.rcParams.update({**_SETTINGS, "svg.hashsalt": salt})
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        inner = (width - left - right) / width, (height - bottom - top) / height
        draw(figure.add_axes((left / width, bottom / height, *inner)))
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata=_NO_METADATA)
    return _inlined(written.getvalue())


def _inlined(document: str) -> str:
    """Return the root element of matplotlib's SVG document as it may stand inside an HTML page."""
    root = ET.fromstring(document)  # noqa: S314 - matplotlib wrote it a moment ago, without a document type of its own
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in {"metadata", "style"}:
                parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(name): _restyled(value) for name, value in element.attrib.items()}
        if element.tag == "g":
            element.attrib.pop("id", None)  # groups of different drawings have the same ids, and nobody refers to them
        if element.tag in {"g", "defs"} and element.text and not element.text.strip():
            element.text = None
        element.tail = None
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    return ET.tostring(root, encoding="unicode")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _restyled(value: str) -> str:
    without_font = re.sub(r"font-family: [^;]*; ", "", value)  # the page's font is taken
    return re.sub(r"#[0-9a-f]{6}\b", lambda found: _VARIABLES.get(found[0], found[0]), without_font)
