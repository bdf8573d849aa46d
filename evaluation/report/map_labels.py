"""Where names find room on a map."""

from dataclasses import dataclass, field
from typing import Final
from xml.etree import ElementTree as ET

_LETTER: Final = 6.2  # pixels, a generous mean for letters of 11 pixels
_CAPITAL: Final = 7.8


@dataclass
class MapLabels:
    """Names on a map, none over another.

    Attributes:
        width: Of the map in pixels.
        height: Of the map in pixels.
        boxes: Left, top, width and height of the places taken, the last being the one to write into.
    """

    width: int
    height: int
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)

    def centred(self, x: float, y: float, text: str) -> bool:
        """Take the place around a point, or one a little above or below; return whether there was room."""
        width = len(text) * _CAPITAL
        return any(self._take(x - width / 2, y - 9 + shift, width, 16) for shift in (0, 18, -18, 36, -36))

    def beside(self, x: float, y: float, text: str) -> bool:
        """Take the place right or left of a point; return whether there was room."""
        width = len(text) * _LETTER
        return any(self._take(left, y - 7, width, 14) for left in (x + 5, x - 5 - width))

    def write(self, parent: ET.Element, text: str, attributes: dict[str, str]) -> None:
        """Write into the box that was taken last."""
        left, top, width, height = self.boxes[-1]
        place = {"x": f"{left + width / 2:.1f}", "y": f"{top + 0.78 * height:.1f}", "text-anchor": "middle"}
        ET.SubElement(parent, "text", {**attributes, **place}).text = text

    def _take(self, left: float, top: float, width: float, height: float) -> bool:
        inside = left >= 0 and top >= 0 and left + width <= self.width and top + height <= self.height
        free = all(
            left + width < other_left or other_left + other_width < left
            or top + height < other_top or other_top + other_height < top
            for other_left, other_top, other_width, other_height in self.boxes
        )  # fmt: skip
        if inside and free:
            self.boxes.append((left, top, width, height))
        return inside and free
