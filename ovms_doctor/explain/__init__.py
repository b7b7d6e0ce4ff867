"""From a line of a log, or a code, to its explanation."""
