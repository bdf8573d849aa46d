"""The leakage test: the same snapshots of data that differ only after a moment."""
