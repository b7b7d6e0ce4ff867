"""A client's request in the forms that people have it in."""
