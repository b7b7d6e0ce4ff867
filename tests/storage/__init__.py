"""Remote storage, as far as path and environment decide."""
