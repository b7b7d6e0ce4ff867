"""Compares reports: the changes between two, and what many have in common."""
