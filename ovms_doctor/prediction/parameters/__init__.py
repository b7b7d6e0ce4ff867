"""The model parameters: what the server makes of their text, and what it then requires of the model."""
