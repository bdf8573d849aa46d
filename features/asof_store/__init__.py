"""The as-of store: a Feast offline store on DuckDB's native as-of join."""
