"""Pipelines of models (DAG): what the configuration defines, and whether the server's validation accepts it."""
