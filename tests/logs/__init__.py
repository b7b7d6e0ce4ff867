"""Logs: reading them, their causes, requests, the report, and the message templates."""
