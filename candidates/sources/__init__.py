"""Candidate sources: popularity, own purchases, item-kNN, garment groups."""
