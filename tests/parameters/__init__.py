"""Tests of the model parameters."""
