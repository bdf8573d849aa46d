"""The feature store: registry, service schemas, offline and online reads, materialization."""
