"""Remote storage: paths, credentials, endpoints, and what a store answered."""
