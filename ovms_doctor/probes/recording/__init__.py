"""The record of this program's actions on a host, for ``--receipt``."""
