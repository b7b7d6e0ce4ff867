"""Plans and collects facts in turns, runs the checks, and makes the report."""
