"""The host of the server and the container: healthy ones and faults."""
