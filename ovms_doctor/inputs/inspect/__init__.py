"""What docker inspect prints, as a container."""
