"""Models, mounts and signals that crash, block or interrupt ovms-doctor."""
