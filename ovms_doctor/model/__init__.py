"""The data that the other packages exchange: types, and functions of a few lines on them."""
