"""Tests of the explanations of codes and log lines."""
