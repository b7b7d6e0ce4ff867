"""CPU extensions: the files, what is said of them, and the rules about them."""
