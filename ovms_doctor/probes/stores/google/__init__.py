"""Google Cloud Storage, queried as the server's client queries it."""
