"""Numbers in messages."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1: "1 user", "1,200 users"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
