"""The three steps from a catalogue to a user's candidates."""

from typing import Literal, TypeAlias

Step: TypeAlias = Literal["retrieve", "filter", "rank"]
