"""Switches: one script per step of the road."""
