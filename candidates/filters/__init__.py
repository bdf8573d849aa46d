"""Filters: named, pure functions from users and items to exclusion masks."""
