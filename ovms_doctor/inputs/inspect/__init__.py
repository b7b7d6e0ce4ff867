"""Reads the output of docker inspect as a container."""
