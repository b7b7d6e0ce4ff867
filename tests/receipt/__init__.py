"""Tests of --receipt."""
