"""Child processes: start, limits, deadline, messages, end."""
