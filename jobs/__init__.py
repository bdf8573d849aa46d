"""Jobs: one script per step of the pipeline, and what they share in `jobs.console`."""
