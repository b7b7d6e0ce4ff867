"""Tests of the findings and their texts."""
