"""A docker run line: shell syntax, options, the container that it describes."""
