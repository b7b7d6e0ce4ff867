"""Finds the explanation of a log line or a code."""
