"""config.json: its bytes, its schema, its entries, and how the server reads each."""
