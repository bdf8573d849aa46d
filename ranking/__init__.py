"""Ranks what was retrieved: the third step, learned from what was bought of earlier lists."""
