"""A wget command line as the request that wget sends (wget(1))."""

from __future__ import annotations

from collections.abc import Sequence

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.requests.body import api_of
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

#: The long options that decide the request.
_REQUEST = ("--post-data", "--post-file", "--method", "--body-data", "--body-file", "--header")
#: Other options with a value.
_WITH_VALUE = frozenset(
    "--output-document --output-file --append-output --timeout --tries --user --password --user-agent --referer "
    "--directory-prefix --connect-timeout --read-timeout --dns-timeout --wait --waitretry --ca-certificate "
    "--certificate --private-key --http-user --http-password --load-cookies --save-cookies --input-file --base "
    "--execute --config --limit-rate --bind-address --max-redirect --default-page --compression --quota "
    "--prefer-family --level".split()
)
_SHORT_WITH_VALUE = frozenset("OoaTtUPwQieBlADRIX")
#: The standard input by its name.
_STDIN = ("/dev/stdin", "/dev/fd/0")


def wget_request(found: ShellCommand, read_file: ReadFile) -> ClientRequest:
    """Returns the request of a command. Raises DocumentError if it is not complete."""
    options, urls, is_head = _options(found.words)
    if not urls:
        raise DocumentError("the command line has no URL")
    values = dict(options)
    method, body = _method_and_body(values, found, read_file, is_head=is_head)
    default: dict[str, tuple[str, str]] = {}
    if body is not None:
        default["content-type"] = ("Content-Type", "application/x-www-form-urlencoded")
    headers = dict(default)
    for name, value in options:
        if name != "--header":
            continue
        if not value:
            # An empty text clears the headers of the options before it.
            headers = dict(default)
            continue
        key, colon, text = value.partition(":")
        if colon:
            headers[key.strip().lower()] = (key.strip(), as_typed(text.strip()))
    address, path = url_of(urls[0])
    data = body or b""
    return ClientRequest(
        api_of(path, data), "REST", method, path, tuple(headers.values()), data, None, address, form="curl"
    )


def _options(words: Sequence[str]) -> tuple[list[tuple[str, str]], list[str], bool]:
    """Returns the options that decide the request, the URLs, and whether only the headers are requested."""
    found: list[tuple[str, str]] = []
    urls: list[str] = []
    is_head = False
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if word.startswith("--"):
            name = _full_name(name)
            if name in _REQUEST:
                found.append((name, value if equals else next(rest, "")))
            elif name in _WITH_VALUE and not equals:
                next(rest, "")
            is_head = is_head or name == "--spider"
        elif word.startswith("-") and len(word) > 1:
            letters = word[1:]
            index = next((index for index, letter in enumerate(letters) if letter in _SHORT_WITH_VALUE), None)
            if index == len(letters) - 1:
                next(rest, "")
        else:
            urls.append(word)
    return found, urls, is_head


def _full_name(name: str) -> str:
    """Returns the option that an unambiguous beginning means."""
    known = [option for option in _REQUEST if option.startswith(name)]
    return known[0] if len(known) == 1 and len(name) > len("--") else name


def _method_and_body(
    values: dict[str, str], found: ShellCommand, read_file: ReadFile, *, is_head: bool
) -> tuple[str, bytes | None]:
    """Returns the method and the body, `None` without one. Raises DocumentError for options that wget refuses
    together."""
    post = "--post-data" in values or "--post-file" in values
    other = "--body-data" in values or "--body-file" in values
    if post and "--method" in values:
        raise DocumentError("wget does not accept --post-data or --post-file together with --method")
    if other and "--method" not in values:
        raise DocumentError("wget accepts --body-data and --body-file only together with --method")
    body: bytes | None = None
    for name in ("--post-data", "--body-data"):
        if name in values:
            refuse_unknown(values[name])
            body = as_bytes(values[name])
    for name in ("--post-file", "--body-file"):
        if name in values:
            file = "-" if values[name] in _STDIN else values[name]
            body = input_of(found, file, read_file)
    default = "POST" if post else "HEAD" if is_head else "GET"
    return values.get("--method", default).upper(), body
