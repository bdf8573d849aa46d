"""Evaluation: metrics, baselines, evaluation windows, comparisons and diagnostics; `report` is the HTML report."""
