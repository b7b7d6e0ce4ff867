"""Tests of what is read from containers."""
