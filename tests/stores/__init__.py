"""Models in S3 and Google Cloud Storage: what is asked of a store, and what comes of its answers."""
