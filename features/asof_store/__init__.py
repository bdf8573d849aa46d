"""A Feast offline store whose point-in-time join is DuckDB's native as-of join."""
