"""How the server's clients for S3, Google Cloud Storage and Azure read a path and their environment, before any
request to a store."""
