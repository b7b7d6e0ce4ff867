"""Tests of memory and processors."""
