"""Ranker diagnostics: selection, feature importances, calibration, leakage heuristics."""
