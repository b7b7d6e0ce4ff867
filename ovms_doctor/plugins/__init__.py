"""Third-party checks: found by their metadata, run in child processes, their findings validated."""
