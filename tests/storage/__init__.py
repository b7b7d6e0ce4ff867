"""Remote storage, as far as path and environment determine the result."""
