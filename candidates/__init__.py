"""Candidates: everything a request goes through, from vectors and histories to ranked lists."""
