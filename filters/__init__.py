"""Filters: what must not be shown to whom, and why. Named, pure functions from candidates to a mask."""
