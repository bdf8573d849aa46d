"""Feature tables in SQL: what was known about users and items, and from which moment on."""
