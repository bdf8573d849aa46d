"""Pipelines: the sequences that jobs call."""
