"""Item vectors in OpenSearch: connection, indexes and search."""
