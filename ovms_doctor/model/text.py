r"""The one escape for text that UTF-8 cannot write: names that are not UTF-8.

``os.fsdecode`` turns a byte that is not UTF-8 into a lone surrogate. Written out, that byte is ``\xNN``
(two lower-case hex digits). A backslash that is followed by ``x`` is written ``\x5c``, so that reading
back is exact. A lone surrogate that represents no byte (it cannot come from a file name) is ``\x{d800}``.
All other text is written as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ovms_doctor.model.pattern import lazy_pattern

#: The text in place of a secret.
HIDDEN = "***"
#: User and password in an address: as URLs have them, with slashes in the password too (AWS's keys have them), after
#: one slash (a path that was normalised) and without a scheme. ``%3A``: an address within another.
_USER_IN_URL = lazy_pattern(
    r"""(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,20}://)"""
    r"""(?P<user>[^/\s'"]+|[^/\s@'":]+(?::|%3A)(?!\d{1,5}/)[^\s'"@]+)@"""
    r"""|(?P<slash>(?<=\w):/(?!/)|(?<![:\w/])//|(?<=:)////?)(?P<pair>[^/\s@'":]+?(?::|%3A)[^\s'"@/]+)@""",
    re.IGNORECASE,
)
#: The signature of a URL, or a key in it.
_SIGNATURE_IN_URL = lazy_pattern(
    r"""(?P<name>(?:[?&;#]|%3F|%23|%26)(?:x-(?:amz|goog)-(?:signature|credential|security-token)|sig|signature|sas"""
    r"""|(?:access_?|auth_?)?token|(?:api_?|access_?|account_?)?key|secret|passw(?:or)?d)(?:=|%3D))"""
    r"""(?P<value>(?:(?!%26)[^&\s'"<>#;])+)""",
    re.IGNORECASE,
)
#: The beginning of an address, also with a mistake or normalised by a shell.
_ADDRESS = lazy_pattern(r"[A-Za-z][\w+.-]*:/|//")
#: A member of a JSON object, whose own quotes may be escaped, that contains a secret by its name.
_SECRET_MEMBER = lazy_pattern(
    r"""(?P<name>(?P<quote>\\?")(?:token|[\w-]*(?:passw(?:or)?d|passphrase|secret|credential|(?:api|access|private)[_-]?key"""
    r"""|(?:hf|access|auth|api|bearer)[_-]?token)[\w-]*)(?P=quote)\s{0,9}:\s{0,9}(?P=quote))(?P<value>[^"\\]+)""",
    re.IGNORECASE,
)
#: The same without quotes, as a shell leaves it.
_BARE_MEMBER = lazy_pattern(
    r"""(?P<name>[{,]\s{0,9}["']?[\w-]{0,40}(?:passw(?:or)?d|passphrase|client_secret|(?:api|access|private)[_-]?key"""
    r"""|(?:hf|access|auth|api|bearer)[_-]?token)["']?\s{0,9}:\s{0,9}["']?)(?P<value>[^\s"'\\,{}\[\]]+)""",
    re.IGNORECASE,
)
#: Tokens with a known form: of Hugging Face, OpenAI, GitHub, GitLab, Slack and AWS, and JSON Web Tokens.
_TOKEN = lazy_pattern(
    r"""\b(?:hf_[A-Za-z0-9]{30,}|sk-(?:proj-|ant-|or-)?[A-Za-z0-9_]{32,}|gh[pousr]_[A-Za-z0-9]{30,}"""
    r"""|github_pat_[A-Za-z0-9_]{40,}|glpat-[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{20,}|(?:AKIA|ASIA)[A-Z0-9]{16}"""
    r"""|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?)(?![A-Za-z0-9])"""
)
_MEMBER_WORDS = ("token", "passw", "passphrase", "secret", "credential", "key")
#: Values that are not secrets under any name: a tensor can be called ``token``, and has a shape and a layout.
_NO_SECRET = lazy_pattern(r"\([-\d:,\s]*\)|auto|true|false|null|(?:[NCHWD?]|\.{3})+(?::(?:[NCHWD?]|\.{3})+)?")
_TOKEN_BEGINNINGS = (
    "hf_",
    "sk-",
    *(f"gh{letter}_" for letter in "pousr"),
    "github_pat_",
    "glpat-",
    "xox",
    "AKIA",
    "ASIA",
    "eyJ",
)
#: In small letters: each text that :func:`redact` changes has one of these.
_SIGN_OF_SECRET = lazy_pattern(
    "|".join(("@", *_MEMBER_WORDS, "x-amz-", "x-goog-", "sig", "sas", *_TOKEN_BEGINNINGS))
    .lower()
    .encode("ascii")
)
_ESCAPE = lazy_pattern(r"\\(?=x)|[\ud800-\udfff]")
_UNESCAPE = lazy_pattern(r"\\x(?:(5c)|([89a-f][0-9a-f])|\{(d[89a-f][0-9a-f]{2})\})")


def escape(text: str) -> str:
    """Returns ``text`` without surrogates: it can be encoded as UTF-8, and :func:`unescape` restores it."""
    return _ESCAPE.sub(_escaped, text)


def unescape(text: str) -> str:
    """Returns the original text of :func:`escape`. Sequences that it does not write are not changed."""
    return _UNESCAPE.sub(unescape_match, text) if "\\x" in text else text


def short_mask(_text: str) -> str:
    """Returns :data:`HIDDEN` for any text."""
    return HIDDEN


def same_length(text: str) -> str:
    """Returns as many asterisks as the text has characters, so that later positions do not change."""
    return "*" * len(text)


def redact(text: str, mask: Callable[[str], str] = short_mask) -> str:
    """Returns ``text`` with ``mask`` applied to the users, passwords and signatures of URLs in it, members of JSON
    objects that contain a secret by their names, and tokens of a known form."""
    text = redact_address(text, mask)
    if any(begin in text for begin in _TOKEN_BEGINNINGS):
        text = _TOKEN.sub(lambda match: mask(match[0]), text)
    # Faster than the patterns: each match contains one of these.
    lowered = text.lower()
    if not any(word in lowered for word in _MEMBER_WORDS):
        return text
    if "{" in text:
        text = _BARE_MEMBER.sub(lambda match: _without_value(match, mask), text)
    if '":' in text or '" :' in text or '\\":' in text:
        text = _SECRET_MEMBER.sub(lambda match: _without_value(match, mask), text)
    return text


def can_hold_secret(data: bytes) -> bool:
    """Whether :func:`redact` may change a text of these bytes, ASCII or Latin-1: faster than a try, which matters
    for thousands of texts."""
    return _SIGN_OF_SECRET.search(data.lower()) is not None


def redact_address(text: str, mask: Callable[[str], str] = short_mask) -> str:
    """Returns an address or a path with ``mask`` applied to the users, passwords and signatures in it. The rest,
    names of files among it, is unchanged."""
    if "@" in text:
        text = _USER_IN_URL.sub(lambda match: _without_user(match, mask), text)
    if "=" in text or "%3" in text:
        text = _SIGNATURE_IN_URL.sub(lambda match: match["name"] + mask(match["value"]), text)
    return text


def redact_typed(text: str) -> str:
    """Returns the value of an option: an address without user, password and signature; the name of a file unchanged."""
    return redact_address(text) if _ADDRESS.match(text) else text


def can_be_secret(value: str) -> bool:
    """Whether the value of a member of an object can be a secret, by its form: not a shape, layout or truth value."""
    return _NO_SECRET.fullmatch(value) is None


def _without_user(match: re.Match[str], mask: Callable[[str], str]) -> str:
    if match["scheme"] is not None:
        return f"{match['scheme']}{mask(match['user'])}@"
    return f"{match['slash']}{mask(match['pair'])}@"


def _without_value(match: re.Match[str], mask: Callable[[str], str]) -> str:
    return match["name"] + mask(match["value"]) if can_be_secret(match["value"]) else match[0]


def _escaped(match: re.Match[str]) -> str:
    return "\\x5c" if match[0] == "\\" else escape_surrogate(match[0])


def escape_surrogate(char: str) -> str:
    """Returns the escape of one surrogate."""
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{{{code:x}}}"


def unescape_match(match: re.Match[str]) -> str:
    """Returns the character of a matched escape: a backslash, a byte's two digits or a surrogate's four."""
    backslash, byte, surrogate = match.groups()
    if backslash:
        return "\\"
    return chr(0xDC00 + int(byte, 16)) if byte else chr(int(surrogate, 16))


def size_text(count: int) -> str:
    """Returns bytes for the user, in the largest unit that gives at least one, rounded down; GiB with one decimal."""
    if count >= 1 << 30:
        return f"{count / (1 << 30):.1f} GiB"
    if count >= 1 << 20:
        return f"{count >> 20} MiB"
    return f"{count >> 10} KiB" if count >= 1 << 10 else f"{count} bytes"
