"""A matplotlib drawing as an inline SVG element that uses the colours and the font of the page."""

import io
import re
import warnings
from collections.abc import Callable
from typing import Any, Final
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.report.styles import COLOURS, GRID, INK, SOFT

FONT_SIZE: Final = 12
_NO_METADATA: Final = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_SETTINGS: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",  # keep text as text: searchable, in the font of the page
    "text.parse_math": False,  # names may contain dollar signs
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


def draw_svg(draw: Callable[[Axes], None], name: str, size: tuple[int, int], margins: tuple[int, int, int, int]) -> str:
    """Draw on new axes. The output is deterministic; one pixel is one point of matplotlib.

    Args:
        draw: Draws on given axes, in colours of `evaluation.report.styles`.
        name: A unique name on the page, from which ids within the drawing are derived.
        size: Width and height in pixels.
        margins: Left, right, bottom and top of the axes in pixels.

    Returns:
        An `<svg>` element without width, height, script, style sheet or external reference.
    """
    (width, height), (left, right, bottom, top) = size, margins
    with mpl.rc_context(), warnings.catch_warnings():
        # The font of the page may have glyphs that the font used for measuring lacks.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        mpl.rcdefaults()
        mpl.rcParams.update({**_SETTINGS, "svg.hashsalt": name})
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        inner = (width - left - right) / width, (height - bottom - top) / height
        draw(figure.add_axes((left / width, bottom / height, *inner)))
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    return _inlined(buffer.getvalue())


def _inlined(document: str) -> str:
    """Return the root element of an SVG document of matplotlib, cleaned for use inside an HTML page."""
    root = ET.fromstring(document)  # noqa: S314 - written by matplotlib, without a custom document type
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in {"metadata", "style"}:
                parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(name): _restyled(value) for name, value in element.attrib.items()}
        if element.tag == "g":
            element.attrib.pop("id", None)  # the ids of groups are not unique on the page, and not used
        if element.tag in {"g", "defs"} and element.text and not element.text.strip():
            element.text = None
        element.tail = None
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    return ET.tostring(root, encoding="unicode")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _restyled(value: str) -> str:
    without_font = re.sub(r"font-family: [^;]*; ", "", value)  # use the font of the page
    return re.sub(r"#[0-9a-f]{6}\b", lambda found: _VARIABLES.get(found[0], found[0]), without_font)
