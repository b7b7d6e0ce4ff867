"""Reads the deployment of the server from arguments, run lines, compose files, manifests and inspect documents.

Pure: text or data in, a ``Container`` or ``ServerArguments`` out."""

from __future__ import annotations


class DocumentError(Exception):
    """A document has the wrong kind, or cannot be understood. The message is one sentence for the user; it contains
    no value that could be a secret."""
