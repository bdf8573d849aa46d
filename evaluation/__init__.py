"""Numbers: what a list was worth, beside the simple lists it has to beat."""
