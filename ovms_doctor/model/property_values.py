"""Values of plugin_config that can be shown: those of OpenVINO's own properties; all others can be secrets.

A property that no plugin has is often a wrong spelling of one with a secret, or a setting of the user's own plugin.
Its texts and long numbers are hidden, short numbers and truth values are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache, lru_cache
from itertools import chain, pairwise

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.text import can_be_secret, same_length, short_mask

#: Names of secrets, as a part of an option's or variable's name: ``HF_TOKEN``, ``client-secret``.
SECRET_PART = lazy_pattern(
    r"(?:^|[_-])(?:(?:api|access|secret|private)?key|token|secrets?|pwd|pass|passw(?:or)?ds?|passwort|passphrase"
    r"|cred(?:ential)?s?|auth(?:orization)?|bearer|cookie|jwt|sas|signature)(?:$|[_-])",
    re.IGNORECASE,
)
_SECRET_NAME = lazy_pattern(r"(key|token|secret|passw(or)?d|credentials?)$", re.IGNORECASE)
#: Properties that OVMS accepts and no plugin lists any more, and groups of properties by device.
_OTHER_PROPERTIES = frozenset(
    {
        "CPU_BIND_THREAD",
        "CPU_THREADS_NUM",
        "CPU_THROUGHPUT_STREAMS",
        "DEVICE_PROPERTIES",
        "ENABLE_MMAP",
        "GPU_THROUGHPUT_STREAMS",
    }
)
#: Properties of OpenVINO with a secret as value.
_SECRET_PROPERTIES = frozenset({"CACHE_ENCRYPTION_CALLBACKS"})
#: Names of devices that are keys in DEVICE_PROPERTIES: ``GPU``, ``GPU.1``, ``MULTI:CPU,GPU``.
_DEVICE = lazy_pattern(r"(?:CPU|GPU|NPU|AUTO|MULTI|HETERO|BATCH)(?:[.:(][\w.:,()-]*)?")
_NAME = lazy_pattern(r"plugin[_ ]config", re.IGNORECASE)
#: The same, and texts that can be this name in escapes.
_ESCAPED_NAME = lazy_pattern(r"""plugin[_ ]config|"[^"\n]{0,120}\\u[^"\n]{0,120}(?=")""", re.IGNORECASE)
_NEXT = lazy_pattern(r"""\\?["']?\s*:?\s*(?P<quote>\\?["'])?\s*(?P<open>[\[{])?""")
_REST = r"""|[^\s{}\[\]:,"']+|[{}\[\],:]"""
_TOKENS = {
    '"': lazy_pattern(r"""(?P<text>"(?:[^"\\]|\\.)*(?:"|$)|'(?:[^'\\]|\\.)*(?:'|$))""" + _REST, re.DOTALL),
    '\\"': lazy_pattern(r"""(?P<text>\\"(?:[^"\\]|\\[^"])*(?:\\"|$))""" + _REST, re.DOTALL),
}
#: An object without brackets and escapes in it.
FLAT_OBJECT = lazy_pattern(r"""\{[^{}\[\]"'\\]*(?:"[^{}\[\]"'\\]*"[^{}\[\]"'\\]*)*\}""")
#: A text in quotes from within, up to the end of the value that it is.
_ENDS_TEXT = {
    quote: lazy_pattern(rf"(?P<content>(?:[^\\\n{quote}]|\\[^\n])*){quote}[ \t]*[,;}}]*[ \t]*(?:\n|$)")
    for quote in ("'", '"')
}
#: Words of other notations, which are not secrets and show the fault.
_WORDS = frozenset("true false null True False None yes no on off".split())
#: Characters that neither separate nor quote anything in JSON, and that no text in quotes makes invalid.
_BARE = r"""[^\x00-\x1f\s{}\[\]:,"'\\\x80-\uffff]+"""
#: Escapes of a character in a JSON text: valid ones, and of those that are not, the part that makes them invalid.
_ESCAPES = (
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"""|\\u[0-9a-fA-F]{4}|\\["\\/bfnrt]"""
    r"|(?P<invalid>\\u?)"
)
_ESCAPE_OR_BARE = lazy_pattern(f"{_ESCAPES}|(?P<bare>{_BARE})")
_ESCAPE_OR_ANY = lazy_pattern(f"{_ESCAPES}|(?P<control>[\\x00-\\x1f])|.", re.DOTALL)
#: A byte order mark and the beginning of a Git LFS pointer, in Latin-1.
_MARK, _LFS = "\xef\xbb\xbf", "version https://git-lfs.github.com/spec/"
#: A number's point or exponent, at which a parser of JSON can stop.
_NUMBER_GOES_ON = lazy_pattern(r"(?<=[0-9])(?:\.|[eE][-+]?)")
_SCALAR = lazy_pattern(r"-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|true|false|null")
#: A number of this length, in characters, or longer can be an identifier.
_LONG_NUMBER = 6

_TRUTH = lazy_pattern(r"yes|no|true|false|on|off", re.IGNORECASE)

Mask = Callable[[str], str]
#: Whether the value of a name can be shown.
IsShown = Callable[[str], bool]


@cache
def shown_properties() -> frozenset[str]:
    """Returns the properties whose values are shown: those that a plugin of OpenVINO lists in any release."""
    from ovms_doctor.model.releases.plugin_properties import devices_with_properties, ever_supported

    listed = frozenset(name for device in devices_with_properties() for name in ever_supported(device))
    return (listed | _OTHER_PROPERTIES) - _SECRET_PROPERTIES


def same_in_json(content: str) -> str:
    """Returns the content of a text in JSON as many asterisks, except for what makes it invalid: the server refuses
    the whole document for it."""
    if "\\" not in content and min(content, default=" ") >= " ":
        return same_length(content)

    def masked(match: re.Match[str]) -> str:
        return match[0] if match["control"] is not None else _masked_escape(match, "*")

    return _ESCAPE_OR_ANY.sub(masked, content)


def is_shown(name: str) -> bool:
    """Whether the value of the property ``name``, or of the properties of the device ``name``, can be shown."""
    return name in shown_properties() or _DEVICE.fullmatch(name) is not None


def names_no_secret(name: str) -> bool:
    """Whether a member of an object that is not plugin_config contains no secret, by the end of its name."""
    return _SECRET_NAME.search(name) is None


def hide_property_values(text: str, mask: Mask = short_mask, shows: IsShown = is_shown) -> str:
    """Returns the value of plugin_config as a JSON text without values that can be secrets; a text that is not a
    JSON object is hidden whole."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return mask(text) if text.strip() else text
    if not isinstance(value, dict):
        return text if _SCALAR.fullmatch(text.strip()) else mask(text)
    start = text.index("{")
    hidden, end = _hide_object(text, start, '"', mask, shows)
    return text[:start] + hidden + text[end:]


def can_have_plugin_config(data: bytes) -> bool:
    """Whether :func:`hide_in_document` may change a text of these bytes, ASCII or Latin-1."""
    return b"\\u" in data or b"plugin" in data.lower()


def hide_in_document(text: str, mask: Mask = same_length) -> str:
    """Returns a server configuration or a graph, possibly malformed, without the secrets in its values of
    plugin_config."""
    has_escape = "\\u" in text
    if not has_escape and "plugin" not in text.lower():
        return text
    parts: list[str] = []
    end_of_copied = 0
    for match in (_ESCAPED_NAME if has_escape else _NAME).finditer(text):
        if match.start() < end_of_copied or not _is_name(match[0]):
            continue
        found = _NEXT.match(text, match.end())
        if found is None or not (found["quote"] or found["open"]):
            continue
        if found["open"]:
            quote = '\\"' if found["quote"] == '"' else '"'
            start = found.start("open")
            flat = FLAT_OBJECT.match(text, start) if quote == '"' else None
            if flat is not None:
                parts += [text[end_of_copied:start], _hidden_flat(flat[0], mask)]
                end_of_copied = flat.end()
                continue
            within = text[: _end_of_quoted(text, start, found["quote"])]
            hidden, end = _hide_object(within, start, quote, mask, is_shown)
        else:
            start = found.start("quote")
            end, hidden = _hide_text(text, start, mask)
        parts += [text[end_of_copied:start], hidden]
        end_of_copied = end
    return "".join([*parts, text[end_of_copied:]])


@lru_cache(maxsize=1 << 10)
def _hidden_flat(text: str, mask: Mask) -> str:
    """Returns the whole object ``text`` without values that can be secrets: those of thousands of models are mostly
    equal."""
    return _hide_object(text, 0, '"', mask, is_shown)[0]


def _end_of_quoted(text: str, start: int, quote: str | None) -> int:
    """Returns the end of the text in quotes that contains the object at ``start``: an object that is never closed does
    not reach beyond it. If more follows in the line than a separator, the quote may belong to a value."""
    ending = _ENDS_TEXT.get(quote or "")
    match = None if ending is None else ending.match(text, start)
    return len(text) if match is None else match.end("content")


def hide_malformed(text: str) -> str:
    """Returns a JSON document with everything at and after its first error hidden, or its one text: there, names and
    values cannot be told apart. Brackets, quotes and separators stay, and a word stays one, so that the error is the
    same one: control characters and invalid escapes stay too. The server reads nothing after a NUL."""
    document, nul, rest = text.partition("\0")
    begin = _end_of_valid(document)
    return document[:begin] + _masked_words(document[begin:]) + nul + _masked_words(rest)


def _end_of_valid(text: str) -> int:
    """Returns the position of the first error, or of a number or an escape with the error inside. A byte order mark
    is no error: some parsers skip it."""
    if text.startswith(_MARK):
        return len(_MARK) + _end_of_valid(text.removeprefix(_MARK))
    if text.startswith(_LFS):
        # The first line of the pointer that Git LFS leaves in place of a file shows what it is.
        return text.find("\n") if "\n" in text else len(text)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        before = text[: error.pos]
        if (len(before) - len(before.rstrip("\\"))) % 2:
            return error.pos - 1
        # A text with the error inside begins before it.
        number = _NUMBER_GOES_ON.match(text, error.pos)
        return error.pos if number is None else number.end()
    except (ValueError, RecursionError):
        return 0
    return 0 if isinstance(value, str) else len(text)


def _is_name(text: str) -> bool:
    if text.lower() in ("plugin_config", "plugin config"):
        return True
    try:
        return bool(json.loads(f'{text}"') == "plugin_config")
    except ValueError:
        return False


def _hide_text(text: str, start: int, mask: Mask) -> tuple[int, str]:
    """Returns the end of the quoted text at ``start``, and the hidden text."""
    token = _TOKENS['"'].match(text, start)
    if token is None or token["text"] is None:
        return start, ""
    quoted = token[0]
    return token.end(), quoted[0] + mask(quoted[1:-1]) + quoted[-1]


def _hide_object(text: str, start: int, quote: str, mask: Mask, shows: IsShown) -> tuple[str, int]:
    """Returns the object that begins at ``start`` without values that can be secrets, and its end; of a list, which
    is not a value of plugin_config, none is shown.

    ``quote``: how texts in it are quoted.
    """
    parts: list[str] = []
    end_of_copied = start
    name_shown = text[start] == "{"
    #: Whether values are shown, for each open bracket.
    visible_values: list[bool] = []
    tokens = chain(_TOKENS[quote].finditer(text, start), (None,))
    for token, following in pairwise(tokens):
        assert token is not None
        if token[0] in "{[":
            visible_values.append(name_shown and (not visible_values or visible_values[-1]))
        elif token[0] in "}]":
            name_shown = visible_values.pop()
            if not visible_values:
                return "".join([*parts, text[end_of_copied : token.end()]]), token.end()
        elif token[0] not in ",:":
            if following is not None and following[0] == ":":
                name_shown = shows(_unescaped(_content(token, quote)))
            elif not (name_shown and visible_values[-1]):
                content = _content(token, quote)
                if shows is names_no_secret and not can_be_secret(content):
                    continue
                begin = token.start() + (token[0].index(content) if content else 0)
                parts += [text[end_of_copied:begin], _hidden(content, token["text"] is not None, mask)]
                end_of_copied = begin + len(content)
    return "".join([*parts, text[end_of_copied:]]), len(text)


def _hidden(content: str, quoted: bool, mask: Mask) -> str:
    """Returns the text for a value that may be a secret: a truth value or a short number unchanged, a long number as
    nines, so that it is still a number."""
    scalar = _SCALAR.fullmatch(content) is not None
    if not content or ((scalar or _TRUTH.fullmatch(content)) and len(content) < _LONG_NUMBER):
        return content
    if quoted or not scalar:
        # A word without quotes stays one if all positions must stay.
        return _as_word(content) if mask is not short_mask and not quoted else mask(content)
    return re.sub(r"\d", "9", content)


def _masked_word(word: str) -> str:
    """Returns a masked word after the first error; a word of only signs, as of a comment, unchanged."""
    if word in _WORDS or not any(map(str.isalnum, word)):
        return word
    # The first sign shows a negative number, or a web page.
    return word[0] + _as_word(word[1:]) if word[0] in "-<" else _as_word(word)


def _masked_words(text: str) -> str:
    """Returns a text after the first error without its words."""

    def masked(match: re.Match[str]) -> str:
        if match["bare"] is not None:
            return _masked_word(match[0])
        return _masked_escape(match, "x")

    return _ESCAPE_OR_BARE.sub(masked, text)


def _masked_escape(match: re.Match[str], letter: str) -> str:
    """Returns a valid escape, or another character, as letters; an invalid escape unchanged."""
    keeps = match["lone"] is not None or match["invalid"] is not None
    return match[0] if keeps else letter * len(match[0])


def _as_word(text: str) -> str:
    """Returns a word of the same length; control characters stay."""
    return re.sub(r"[^\x00-\x1f]", "x", text)


def _content(token: re.Match[str], quote: str) -> str:
    """Returns a token without its quotes."""
    if token["text"] is None:
        return token[0]
    mark = quote if token[0].startswith(quote) else token[0][0]
    inner = token[0][len(mark) :]
    return inner.removesuffix(mark)


def _unescaped(name: str) -> str:
    """Returns a name as JSON reads it."""
    if "\\" not in name:
        return name
    try:
        return str(json.loads(f'"{name}"'))
    except ValueError:
        return name
