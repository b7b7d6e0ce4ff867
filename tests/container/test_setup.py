"""What a container's set-up gets wrong: facts in, findings out; each code good and bad."""

from __future__ import annotations
