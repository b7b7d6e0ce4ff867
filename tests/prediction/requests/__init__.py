"""Tests of the rules for requests."""
