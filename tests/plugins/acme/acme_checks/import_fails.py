"""Needs a module that is not there."""

import acme_library_that_is_not_installed as check  # noqa: F401
