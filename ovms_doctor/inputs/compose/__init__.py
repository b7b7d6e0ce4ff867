"""A compose file: one of its services, as a container."""
