"""Takes the interpreter with it."""

import os

os.abort()
