"""CPU extensions: the files, the findings about them, and the rules."""
