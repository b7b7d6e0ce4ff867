"""The host that the server runs on, and the container: healthy ones."""
