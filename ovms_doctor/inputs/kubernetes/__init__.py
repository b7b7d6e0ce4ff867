"""A Kubernetes manifest: one of its containers."""
