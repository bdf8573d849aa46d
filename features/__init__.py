"""Features of users and items as tables with event timestamps, and access to them through Feast."""
