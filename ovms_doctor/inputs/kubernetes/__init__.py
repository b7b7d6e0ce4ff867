"""A Kubernetes manifest: one container of it."""
