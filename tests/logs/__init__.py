"""Logs: reading them, their causes, requests, the report, and the templates that explain them."""
