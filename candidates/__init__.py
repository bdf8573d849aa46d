"""Candidates: everything a request goes through, from query vectors and histories to ranked lists."""
