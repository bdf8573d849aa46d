"""How long work tells how far it is."""

from collections.abc import Callable
from typing import TypeAlias

Done: TypeAlias = Callable[[int], object]
"""Called with the number of rows, batches or tables done since the last call."""

Progress: TypeAlias = Callable[[str, int], Done]
"""Makes a `Done` from a label and a total."""
