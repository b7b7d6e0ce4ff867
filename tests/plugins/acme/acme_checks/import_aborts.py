"""Aborts the interpreter at import."""

import os

os.abort()
