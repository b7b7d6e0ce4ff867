"""How ovms-doctor is installed and run elsewhere: light, as one file, in CI, as a release."""
