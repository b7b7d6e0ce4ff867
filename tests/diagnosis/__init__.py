"""Tests of the driver between rules and probes."""
