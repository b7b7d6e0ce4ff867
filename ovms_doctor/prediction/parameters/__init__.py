"""The model parameters: how the server reads their text, and what it then requires of the model."""
