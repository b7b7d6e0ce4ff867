"""A client's request in its usual forms."""
