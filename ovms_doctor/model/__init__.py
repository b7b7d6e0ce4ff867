"""The data types that the other packages exchange, and functions of a few lines on them."""
