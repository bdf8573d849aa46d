"""Releases: manifest, integrity check, checkpoint, SavedModels."""
