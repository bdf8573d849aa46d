"""Tables: what is known about users and items, and when it became known."""
