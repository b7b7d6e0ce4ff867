"""A running server: from what was typed and what was observed to what it comes to."""
