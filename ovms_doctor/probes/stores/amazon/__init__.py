"""S3, queried as the server's client queries it."""
