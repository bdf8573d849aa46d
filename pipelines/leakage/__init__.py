"""The leakage test: the same questions to data sets that differ in the future only."""
