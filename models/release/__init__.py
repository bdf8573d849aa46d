"""Releases: contents, manifest, integrity check, checkpoint, SavedModels; written and read."""
