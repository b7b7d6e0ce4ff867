"""Models in S3 and Google Cloud Storage: the requests to a store, and the results of its answers."""
