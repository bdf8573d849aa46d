"""Faults injected into the jobs, what readers see afterwards, and the verdict; see `benchmarks/kill_test.py`."""
