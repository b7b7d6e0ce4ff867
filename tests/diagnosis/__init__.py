"""Tests of the loop between prediction and probes."""
