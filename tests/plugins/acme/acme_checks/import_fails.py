"""Imports a module that does not exist."""

import acme_library_that_is_not_installed as check  # noqa: F401
