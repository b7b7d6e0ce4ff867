"""Tests of the readers for containers."""
