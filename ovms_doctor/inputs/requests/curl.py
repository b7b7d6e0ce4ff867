"""A curl command line as the request that curl sends (curl(1))."""

from collections.abc import Sequence
from urllib.parse import quote

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
from ovms_doctor.model.client_request import Api, ClientRequest

#: Options with a value that do not change the request.
_WITH_VALUE = {
    "-o", "--output", "-m", "--max-time", "--connect-timeout", "-u", "--user", "-A", "--user-agent", "-e",
    "--referer", "-x", "--proxy", "--cacert", "--cert", "--key", "-w", "--write-out", "-b", "--cookie", "-c",
    "--cookie-jar", "--retry", "--resolve", "--noproxy", "-D", "--dump-header", "--interface", "--limit-rate",
    "--retry-delay", "--unix-socket",
}  # fmt: skip
_DATA = {
    "-d": "ascii",
    "--data": "ascii",
    "--data-ascii": "ascii",
    "--data-binary": "binary",
    "--data-raw": "raw",
    "--data-urlencode": "urlencode",
    "--json": "json",
}
_SHORT_WITH_VALUE = set("XHdFoTmuAexbcwD")


def curl_request(found: ShellCommand, read_file: ReadFile) -> ClientRequest:
    """Returns the request of a command. Raises DocumentError if it is not complete."""
    line = _Line(lambda name: input_of(found, name, read_file))
    position = 0
    while position < len(found.words):
        position = line.take(found.words, position)
    return line.request()


class _Line:
    """The combined options of one command line."""

    def __init__(self, read_file: ReadFile) -> None:
        self._read_file = read_file
        self._method = ""
        self._url = ""
        self._headers: list[tuple[str, str]] = []
        self._data: list[bytes] = []
        self._form: list[tuple[str, bytes, str]] = []
        self._json = False
        self._get = False
        self._head = False
        self._upload: bytes | None = None
        self._notes: list[str] = []

    def take(self, words: Sequence[str], position: int) -> int:
        """Reads the option or argument at a position; returns the next position."""
        word = words[position]
        if not word.startswith("-") or word == "-":
            if not self._url:
                self._url = word
            return position + 1
        name, attached = word, None
        if (
            word.startswith("--")
            and "=" in word
            and word.partition("=")[0] in (*_DATA, "--url", "--header", "--request")
        ):
            name, _, attached = word.partition("=")
        elif not word.startswith("--") and len(word) > 2:
            return self._short(words, position)
        return self._option(name, attached, words, position)

    def _short(self, words: Sequence[str], position: int) -> int:
        """Reads several short options in one argument: `-sX POST`, `-d@file`."""
        word = words[position]
        for index, letter in enumerate(word[1:], 1):
            if letter in _SHORT_WITH_VALUE:
                rest = word[index + 1 :]
                return self._option(f"-{letter}", rest or None, words, position)
            self._flag(f"-{letter}")
        return position + 1

    def _option(self, name: str, attached: str | None, words: Sequence[str], position: int) -> int:
        takes = name in _DATA or name in _WITH_VALUE or name in (
            "-X", "--request", "-H", "--header", "--url", "-F", "--form", "-T", "--upload-file", "--form-string",
        )  # fmt: skip
        if not takes:
            self._flag(name)
            return position + 1
        value = attached
        if value is None:
            position += 1
            if position >= len(words):
                raise DocumentError(f"{name} needs a value")
            value = words[position]
        self._value(name, value)
        return position + 1

    def _flag(self, name: str) -> None:
        if name in ("-G", "--get"):
            self._get = True
        elif name in ("-I", "--head"):
            self._head = True

    def _value(self, name: str, value: str) -> None:
        if name in ("-X", "--request"):
            self._method = value.upper()
        elif name in ("-H", "--header"):
            self._header(value)
        elif name == "--url":
            self._url = value
        elif name in ("-F", "--form", "--form-string"):
            key, _, text = value.partition("=")
            content = (
                self._read_file(text[1:].partition(";")[0]) if text[:1] in ("@", "<") else as_bytes(text)
            )
            self._form.append((key, content, text[1:] if text[:1] == "@" else ""))
        elif name in ("-T", "--upload-file"):
            self._upload = self._read_file(value)
        elif name in _DATA:
            self._add(_DATA[name], value)

    def _header(self, value: str) -> None:
        name, colon, text = value.partition(":")
        if colon and text.strip():
            self._headers.append((name.strip(), as_typed(text.strip())))

    def _add(self, kind: str, value: str) -> None:
        """Adds one piece of data. `-d @file` leaves out line ends, `--data-binary` keeps them."""
        if kind == "urlencode":
            key, equals, text = value.partition("=")
            self._data.append(
                as_bytes(f"{key}{equals}" if key else "") + quote(as_bytes(text or key)).encode()
            )
            return
        if kind == "json":
            self._json = True
        if not value.startswith("@"):
            refuse_unknown(value)
        data = as_bytes(value)
        if value.startswith("@") and kind != "raw":
            data = self._read_file(value[1:])
            if kind == "ascii":
                data = data.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
        self._data.append(data)

    def request(self) -> ClientRequest:
        """Returns the request as curl sends it."""
        if not self._url:
            raise DocumentError("the command line has no URL")
        address, path = url_of(self._url)
        body = (b"" if self._json else b"&").join(self._data)
        has_body = bool(self._data) and not self._get
        if self._upload is not None:
            body, has_body = self._upload, True
        names = {name.lower() for name, _ in self._headers}
        if self._form:
            # curl adds the boundary also to a type that the user gives.
            own_type = next((value for name, value in self._headers if name.lower() == "content-type"), None)
            self._headers = [item for item in self._headers if item[0].lower() != "content-type"]
            body, content_type = multipart_body(
                [FormPart(as_bytes(name), content, as_bytes(file)) for name, content, file in self._form],
                own_type or "multipart/form-data",
            )
            self._headers.append(("Content-Type", content_type))
        elif self._json and "content-type" not in names:
            self._headers.append(("Content-Type", "application/json"))
        elif has_body and self._upload is None and "content-type" not in names:
            self._headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        method = self._method or self._default_method(has_body or bool(self._form))
        api: Api = api_of(path, body)
        sent = body if has_body or self._form else b""
        return ClientRequest(
            api, "REST", method, path, tuple(self._headers), sent, None, address, tuple(self._notes), "curl"
        )

    def _default_method(self, has_body: bool) -> str:
        if self._head:
            return "HEAD"
        if self._upload is not None:
            return "PUT"
        return "POST" if has_body else "GET"
