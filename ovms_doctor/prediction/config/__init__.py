"""config.json: its bytes, its schema, its entries, and what the server makes of each."""
