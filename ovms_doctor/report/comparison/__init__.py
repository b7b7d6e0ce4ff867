"""Reports beside each other: what changed between two, and what many have in common."""
