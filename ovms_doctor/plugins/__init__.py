"""Third-party checks: found by their metadata, run in children, their findings looked through."""
