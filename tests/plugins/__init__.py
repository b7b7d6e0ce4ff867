"""Third-party checks, with a distribution of their own that is built and installed aside."""
