"""Images in chat messages, as far as the server refuses them before it decodes them.

From `parseMessages` (openai_completions.cpp) until 2026.2; from `loadImage` (image_utils.cpp) since 2026.3, when only
models with vision accept images.
"""

from __future__ import annotations

import re

from ovms_doctor.model.releases import Release
from ovms_doctor.model.served_models import GenerativeLimits

_PREFIX = "base64,"
_HOST = re.compile(r"[a-z]+://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)")


def image_fault(url: str, limits: GenerativeLimits, release: Release) -> str | None:
    """Returns the server's message if it refuses an image; `None` if it does not, or if only loading the image shows
    that."""
    _, prefix, encoded = url.partition(_PREFIX)
    if prefix:
        return None if _is_base64(encoded) else "Invalid base64 string in request"
    if not release.at_least(2025, 2):
        return f'Url should contain base64 encoded string followed by "{_PREFIX}" prefix'
    schemes = r"(?:http|https|ftp|sftp)://" if release.at_least(2026, 3) else r"(?:http|https|ftp|sftp|)://"
    if re.match(schemes, url):
        if release.at_least(2026, 0) and not _is_allowed(url, limits.media_domains):
            return "Given url does not match any allowed domain from allowed_media_domains"
        return None
    if limits.media_path is None:
        return "Loading images from local filesystem is disabled."
    return None


def vision_only(release: Release) -> str:
    """Returns the answer of a model with vision to /completions (visual_language_model/…/servable.cpp)."""
    if release.at_least(2026, 3):
        return "VLM Servable does not support the /completions endpoint. Use /chat/completions or /responses."
    if release.at_least(2026, 2):
        endpoints = "/v3/chat/completions, /v3/responses endpoint or /v3/tokenize"
    else:
        endpoints = f"/v3/chat/completions endpoint{' or /v3/tokenize' if release.at_least(2026, 0) else ''}"
    return f"Wrong endpoint. VLM Servable allowed only on {endpoints}"


def _is_allowed(url: str, domains: tuple[str, ...] | None) -> bool:
    if domains is None:
        return False
    host = _HOST.match(url)
    return domains == ("all",) or (host is not None and host[1] in domains)


def _is_base64(text: str) -> bool:
    """Whether `absl::Base64Unescape` accepts the text: white space is skipped, and the padding may be left out."""
    plain = re.sub(r"[ \t\n\v\f\r]", "", text)
    match = re.fullmatch(r"([A-Za-z0-9+/]*)([=.]{0,2})", plain)
    if match is None or len(match[1]) % 4 == 1:
        return False
    return not match[2] or (len(match[1]) + len(match[2])) % 4 == 0
