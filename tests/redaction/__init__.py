"""Tests of facts without names: ``collect --redact``."""
