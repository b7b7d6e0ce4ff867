"""Tests of what a code or a log line means."""
