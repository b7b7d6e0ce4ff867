"""Tests of the data types, the codec and text."""
