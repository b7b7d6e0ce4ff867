"""The tests. ``conftest.py`` holds what all of them share."""
