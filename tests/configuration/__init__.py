"""The configuration file and its rules."""
