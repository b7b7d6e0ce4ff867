"""Third-party checks, from a distribution that is built and installed separately."""
