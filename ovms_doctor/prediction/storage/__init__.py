"""What the server's clients for S3, Google Cloud Storage and Azure make of a path and of their environment, before
any store is asked."""
