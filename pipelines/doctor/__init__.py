"""The doctor: the state of a project and the next command."""
