"""A compose file: one service of it, as a container."""
