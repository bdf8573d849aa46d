"""The HTTP service: candidates of single users in milliseconds, with release switches while it runs."""

# Before Feast, whose import switches prometheus_client to files that several processes share.
import prometheus_client  # noqa: F401
