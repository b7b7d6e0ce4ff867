"""Renders a report as text: pure functions, one module for each format."""
