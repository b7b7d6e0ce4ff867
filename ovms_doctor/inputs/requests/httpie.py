"""An HTTPie command line (`http`, `https`) as the request that it sends (httpie/cli)."""

from __future__ import annotations

import json
import os.path
import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.body import api_of
from ovms_doctor.inputs.requests.multipart import FormPart, multipart_body
from ovms_doctor.inputs.requests.shell import (
    ReadFile,
    ShellCommand,
    as_bytes,
    as_typed,
    input_of,
    refuse_unknown,
    url_of,
)
from ovms_doctor.model.client_request import ClientRequest

#: The separators of an item, the longest first: that of two at one position counts.
_SEPARATORS = (":=@", "==@", ":=", "==", "=@", ":@", ":", "=", "@", ";")
_DATA = (":=@", ":=", "=@", "=")
_SPECIAL = frozenset("".join(_SEPARATORS))
#: Options with a value that do not change the request.
_WITH_VALUE = frozenset(
    "--pretty --style -s --response-charset --response-mime --format-options --print -p --history-print -P --output -o "
    "--session --session-read-only --auth -a --auth-type -A --proxy --max-redirects --max-headers --timeout --verify "
    "--ssl --ciphers --cert --cert-key --cert-key-pass --boundary".split()
)
_SHORT_WITH_VALUE = frozenset("spPoaA")


class _Item(NamedTuple):
    """One `KEY SEPARATOR VALUE` of the command line."""

    #: The key, without its escapes.
    key: str
    #: The separator.
    separator: str
    #: The value, without its escapes.
    value: str


class _Options(NamedTuple):
    """The options and arguments of a command line."""

    #: `json`, `form` or `multipart`.
    kind: str
    #: Whether `--json` itself is among them.
    is_json: bool
    #: The body of `--raw`; `None` without it.
    raw: str | None
    #: Whether the standard input is not read.
    ignores_stdin: bool
    #: The scheme of a URL without one.
    scheme: str
    #: The arguments: method, URL, items.
    plain: tuple[str, ...]


def httpie_request(found: ShellCommand, read_file: ReadFile) -> ClientRequest:
    """Returns the request of a command. Raises DocumentError if it is not complete."""
    options = _options(found.words, found.program)
    method, url, words = _arguments(options.plain)
    items = [_item(word) for word in words]
    headers: dict[str, tuple[str, str]] = {}
    body, content_type = _body(options, items, found, read_file)
    if content_type:
        headers["content-type"] = ("Content-Type", content_type)
    for item in items:
        if item.separator == ":" and not item.value:
            headers.pop(item.key.lower(), None)
        elif item.separator in (":", ":@", ";"):
            value = _text(item.value, read_file).rstrip("\n") if item.separator == ":@" else item.value
            headers[item.key.lower()] = (item.key, as_typed(value.strip()))
    has_data = body is not None or any(item.separator in (*_DATA, "@") for item in items)
    address, path = url_of(_url(url, options.scheme))
    data = body or b""
    return ClientRequest(
        api_of(path, data),
        "REST",
        (method or ("POST" if has_data else "GET")).upper(),
        path,
        tuple(headers.values()),
        data,
        None,
        address,
        form="curl",
    )


def _options(words: Sequence[str], program: str) -> _Options:
    kind, is_json, ignores_stdin, scheme = "json", False, False, "https" if program == "https" else "http"
    raw: str | None = None
    plain: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if word == "--":
            plain += rest
        elif word.startswith("--"):
            takes = name in _WITH_VALUE or name in ("--raw", "--default-scheme")
            if takes and not equals:
                value = next(rest, "")
            raw = value if name == "--raw" else raw
            scheme = value if name == "--default-scheme" else scheme
            is_json = is_json or name == "--json"
            kind = name[2:] if name in ("--form", "--multipart") else kind
            ignores_stdin = ignores_stdin or name == "--ignore-stdin"
            if name in ("--compress", "--chunked"):
                raise DocumentError(f"a command line of {program} with {name} is not read")
        elif word.startswith("-") and len(word) > 1:
            index = next((at for at, letter in enumerate(word) if letter in _SHORT_WITH_VALUE), None)
            flags = word[1:index]
            kind = "form" if "f" in flags else kind
            is_json = is_json or "j" in flags
            ignores_stdin = ignores_stdin or "I" in flags
            if index == len(word) - 1:
                next(rest, "")
        else:
            plain.append(word)
    return _Options(kind, is_json, raw, ignores_stdin, scheme, tuple(plain))


def _arguments(plain: Sequence[str]) -> tuple[str, str, Sequence[str]]:
    """Returns the method, empty if it follows from the items, the URL and the items."""
    if not plain:
        raise DocumentError("the command line has no URL")
    if len(plain) > 1 and re.fullmatch("[a-zA-Z]+", plain[0]):
        return plain[0], plain[1], plain[2:]
    return "", plain[0], plain[1:]


def _url(url: str, scheme: str) -> str:
    url = url.removeprefix("://")
    if re.match(r"(?i)[a-z][a-z0-9.+-]*://", url):
        return url
    short = re.match(r":(?!:)(\d*)(/?.*)$", url, re.DOTALL)
    if short:
        url = "localhost" + (f":{short[1]}" if short[1] else "") + short[2]
    return f"{scheme}://{url}"


def _item(word: str) -> _Item:
    """Returns an item; its first separator counts, and one after a backslash is none. Raises DocumentError."""
    key: list[str] = []
    position = 0
    while position < len(word):
        letter = word[position]
        if letter == "\\":
            following = word[position + 1 : position + 2]
            key.append(following if following in _SPECIAL else letter + following)
            position += 2
            continue
        separator = next((item for item in _SEPARATORS if word.startswith(item, position)), None)
        if separator is not None:
            value = re.sub(rf"\\([{re.escape(''.join(_SPECIAL))}])", r"\1", word[position + len(separator) :])
            return _Item("".join(key), separator, value)
        key.append(letter)
        position += 1
    raise DocumentError(f"http does not accept the argument {as_typed(word)}: it is not a request item")


def _body(
    options: _Options, items: Sequence[_Item], found: ShellCommand, read_file: ReadFile
) -> tuple[bytes | None, str]:
    """Returns the body, `None` without one, and its type."""
    data = [item for item in items if item.separator in (*_DATA, "@")]
    has_stdin = not options.ignores_stdin and (found.stdin is not None or found.stdin_file is not None)
    if has_stdin and options.raw is None and data:
        raise DocumentError("http does not accept items together with a body from standard input")
    default = (
        "application/json" if options.kind == "json" else "application/x-www-form-urlencoded; charset=utf-8"
    )
    if options.raw is not None or has_stdin:
        if options.raw is None:
            return input_of(found, "-", read_file), default
        refuse_unknown(options.raw)
        return as_bytes(options.raw), default
    if options.kind != "json":
        return _form(options, data, read_file, default)
    if any(item.separator == "@" for item in data):
        if len(data) != 1 or data[0].key:
            raise DocumentError("http accepts the file of a field only with --form")
        name = os.path.splitext(data[0].value)[1]
        return _file(data[0].value, read_file), default if name in ("", ".json") else ""
    if not data:
        return None, default if options.is_json else ""
    document: Any = None
    for item in data:
        document = _with_value(document, _path(item.key), _value(item, read_file))
    return json.dumps(document).encode(), default


def _form(
    options: _Options, data: Sequence[_Item], read_file: ReadFile, default: str
) -> tuple[bytes | None, str]:
    if not data:
        return None, default
    if options.kind == "multipart" or any(item.separator == "@" for item in data):
        parts = []
        for item in data:
            if item.separator == "@":
                name = item.value.partition(";type=")[0]
                content = _file(name, read_file)
                parts.append(FormPart(as_bytes(item.key), content, as_bytes(os.path.basename(name))))
            else:
                text = _form_text(_value(item, read_file))
                parts.append(FormPart(as_bytes(item.key), as_bytes(text)))
        return multipart_body(parts)
    fields = [(item.key, _form_text(_value(item, read_file))) for item in data]
    return urlencode(fields, errors="surrogateescape").encode(), default


def _form_text(value: Any) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    raise DocumentError("http does not accept a list or an object in a form")


def _value(item: _Item, read_file: ReadFile) -> Any:
    refuse_unknown(item.key)
    text = _text(item.value, read_file) if item.separator in ("=@", ":=@") else item.value
    refuse_unknown(text)
    if item.separator in ("=", "=@"):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"http does not accept {as_typed(item.key)}{item.separator}…: {error}") from None


def _text(name: str, read_file: ReadFile) -> str:
    try:
        return _file(name, read_file).decode()
    except UnicodeDecodeError:
        raise DocumentError(f"http does not accept the file {name}: it is not UTF-8 text") from None


def _file(name: str, read_file: ReadFile) -> bytes:
    refuse_unknown(name)
    return read_file(name)


def _path(key: str) -> list[str | int | None]:
    """Returns the keys and indexes of a key with brackets; `None` adds to a list. Raises DocumentError."""
    match = re.fullmatch(r"([^\[\]\\]*)((?:\[[^\[\]\\]*\])*)", key)
    if match is None or (not match[1] and match[2]):
        raise DocumentError(f"the key {as_typed(key)} of http is not read")
    parts: list[str | int | None] = [match[1]]
    for part in re.findall(r"\[([^\]]*)\]", match[2]):
        is_index = re.fullmatch(r"\d{1,4}", part) is not None
        parts.append(None if not part else int(part) if is_index else part)
    return parts


def _with_value(document: Any, path: Sequence[str | int | None], value: Any) -> Any:
    """Returns the document with a value at a path. Raises DocumentError if the values before it have other types."""
    key, *rest = path
    if isinstance(key, str):
        table = _of_type(document, {})
        table[key] = _with_value(table.get(key), rest, value) if rest else value
        return table
    items = _of_type(document, [])
    index = len(items) if key is None else key
    items.extend([None] * (index - len(items) + 1))
    items[index] = _with_value(items[index], rest, value) if rest else value
    return items


def _of_type(document: Any, empty: Any) -> Any:
    """Returns a document, or an empty one if there is none yet. Raises DocumentError for one of another type."""
    if document is None:
        return empty
    if not isinstance(document, type(empty)):
        raise DocumentError("http does not accept items that use one key as a list and as an object")
    return document
