"""What the server was told, from each of the sources that tell of its container; pure: text or data in, a
``Container`` out."""

from __future__ import annotations


class DocumentError(Exception):
    """A document is none of its kind, or cannot be understood. The message is one sentence for a person; it holds
    no value that could be a secret."""
