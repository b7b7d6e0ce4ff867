"""Compares reports: the changes between two, and the common findings of many."""
