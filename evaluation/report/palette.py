"""The colours of the page, each for a light and a dark background."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Colour:
    """One colour under one name, as "#rrggbb" in lower case.

    A drawing is made with the light value; on the page it becomes the CSS variable of this name, which has the dark
    value where the reader prefers dark.
    """

    name: str
    light: str
    dark: str


INK: Final = Colour("ink", "#1b1f24", "#e8eaed")
SOFT: Final = Colour("soft", "#57606a", "#a5b0bb")
GRID: Final = Colour("grid", "#dfe3e8", "#333a42")
CARD: Final = Colour("card", "#ffffff", "#161b22")
BASELINE: Final = Colour("baseline", "#6e7781", "#9aa4af")
OTHER: Final = Colour("other", "#a3abb4", "#737d88")

# The colours of Okabe and Ito, "Color Universal Design" (2008), which stay apart for the colour-blind, darkened for the
# light background and lightened for the dark one until lines and white (dark) letters on them have a contrast of 3 : 1.
# After them, for a map with more groups than they are, some of Paul Tol's "muted" scheme.
SERIES: Final = (
    Colour("blue", "#0072b2", "#56b4e9"),
    Colour("vermillion", "#c85200", "#ff9248"),
    Colour("green", "#00805d", "#3ccf9f"),
    Colour("purple", "#b0568a", "#e6a3c8"),
    Colour("orange", "#b87700", "#f0b429"),
    Colour("sky", "#2f8fc4", "#a6dcfa"),
    Colour("yellow", "#8c8200", "#f0e442"),
    Colour("wine", "#882255", "#d6709f"),
    Colour("indigo", "#332288", "#a79bf2"),
    Colour("teal", "#2d8f80", "#7fdccd"),
    Colour("brown", "#661100", "#d18a6c"),
    Colour("olive", "#6b7a1f", "#b9cc5a"),
)
COLOURS: Final = (INK, SOFT, GRID, CARD, BASELINE, OTHER, *SERIES)
