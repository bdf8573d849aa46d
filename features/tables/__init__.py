"""Feature tables, computed in SQL from the raw tables, with event timestamps."""
