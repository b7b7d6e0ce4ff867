"""What the server was told: one model of it, and a reader for each source it can be told from."""
