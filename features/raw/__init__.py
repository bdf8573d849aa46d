"""Raw tables: reading, validation and quarantine, the demo data set and the toy data."""
