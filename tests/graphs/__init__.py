"""Tests of graphs and generative models."""
