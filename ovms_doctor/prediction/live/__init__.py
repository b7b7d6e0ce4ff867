"""A running server: its status, from the address and the observations."""
