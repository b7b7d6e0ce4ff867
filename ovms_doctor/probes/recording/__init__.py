"""What this program does on a host, recorded where it is done, for ``--receipt``."""
