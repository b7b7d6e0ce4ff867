"""From a report to text: pure functions, one module for each format."""
