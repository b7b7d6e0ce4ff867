"""Plan and collect in turns, check, and put the report together."""
