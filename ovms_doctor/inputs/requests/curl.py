"""A curl command line as the request that curl sends (curl(1))."""

from base64 import b64encode
from collections.abc import Sequence
from urllib.parse import quote_plus

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

#: Options with a value that do not change the request (curl 8, `curl --help all`).
_WITH_VALUE = frozenset(
    f"--{name}"
    for name in (
        "abstract-unix-socket alt-svc aws-sigv4 cacert capath cert cert-type ciphers connect-timeout connect-to "
        "continue-at cookie cookie-jar create-file-mode crlfile curves delegation dns-interface dns-ipv4-addr "
        "dns-ipv6-addr dns-servers doh-url dump-header ech egd-file engine etag-compare etag-save "
        "expect100-timeout ftp-account ftp-alternative-to-user ftp-method ftp-port ftp-ssl-ccc-mode "
        "happy-eyeballs-timeout-ms haproxy-clientip hostpubmd5 hostpubsha256 hsts interface ip-tos ipfs-gateway "
        "keepalive-cnt keepalive-time key key-type krb libcurl limit-rate local-port login-options mail-auth "
        "mail-from mail-rcpt max-filesize max-redirs max-time netrc-file noproxy output output-dir parallel-max pass "
        "pinnedpubkey preproxy proto proto-default proto-redir proxy proxy-cacert proxy-capath proxy-cert "
        "proxy-cert-type proxy-ciphers proxy-crlfile proxy-header proxy-key proxy-key-type proxy-pass "
        "proxy-pinnedpubkey proxy-service-name proxy-tls13-ciphers proxy-tlsauthtype proxy-tlspassword proxy-tlsuser "
        "proxy-user proxy1.0 pubkey quote random-file range rate referer resolve retry retry-delay retry-max-time "
        "sasl-authzid service-name socks4 socks4a socks5 socks5-gssapi-service socks5-hostname speed-limit speed-time "
        "stderr telnet-option tftp-blksize time-cond tls-max tls13-ciphers tlsauthtype tlspassword tlsuser trace "
        "trace-ascii trace-config unix-socket url-query user-agent variable vlan-priority write-out"
    ).split()
)
#: The same as one letter.
_SHORT_WITH_VALUE = frozenset("ABCDEFHKPQTUXYbcdehmortuwxyz")
_DATA = {
    "-d": "ascii",
    "--data": "ascii",
    "--data-ascii": "ascii",
    "--data-binary": "binary",
    "--data-raw": "raw",
    "--data-urlencode": "urlencode",
    "--json": "json",
}
#: Options that are read.
_READ = (
    "-X", "--request", "-H", "--header", "--url", "-F", "--form", "-T", "--upload-file", "--form-string",
    "--oauth2-bearer", "-u", "--user", "-K", "--config", "--request-target",
)  # fmt: skip

_BLANK = "curl ends with error 3, before it sends anything: the URL has a blank"


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
        self._path_as_is = False
        self._left_out: set[str] = set()
        self._upload: bytes | None = None
        self._upload_name = ""
        self._notes: list[str] = []

    def take(self, words: Sequence[str], position: int) -> int:
        """Reads the option or argument at a position; returns the next position."""
        word = words[position]
        if not word.startswith("-") or word == "-":
            if not self._url:
                self._url = word
            return position + 1
        name, attached = word, None
        if word.startswith("--") and "=" in word and word.partition("=")[0] in (*_DATA, *_READ, *_WITH_VALUE):
            name, _, attached = word.partition("=")
        elif not word.startswith("--"):
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
        takes = name in _DATA or name in _WITH_VALUE or name in _READ
        if not takes and not (len(name) == 2 and name[1] in _SHORT_WITH_VALUE):
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
        elif name == "--path-as-is":
            self._path_as_is = True

    def _value(self, name: str, value: str) -> None:
        if name in ("-X", "--request"):
            self._method = value
        elif name in ("-H", "--header"):
            self._header(value)
        elif name == "--url":
            self._url = value
        elif name == "--oauth2-bearer":
            self._headers.append(("Authorization", f"Bearer {as_typed(value)}"))
        elif name in ("-K", "--config", "--request-target"):
            raise DocumentError(f"the option {name} of curl is not read")
        elif name in ("-F", "--form", "--form-string"):
            key, _, text = value.partition("=")
            file = text[1:].partition(";")[0] if text[:1] in ("@", "<") and name != "--form-string" else ""
            content = self._read_file(file) if file else as_bytes(text)
            self._form.append((key, content, file if text[:1] == "@" else ""))
        elif name in ("-T", "--upload-file"):
            self._upload = self._read_file(value)
            self._upload_name = value
        elif name in ("-u", "--user"):
            self._headers.append(("Authorization", f"Basic {b64encode(as_bytes(value)).decode()}"))
        elif name in _DATA:
            self._add(_DATA[name], value)

    def _header(self, value: str) -> None:
        name, colon, text = value.partition(":")
        if colon and text.strip():
            self._headers.append((name.strip(), as_typed(text.strip())))
        elif colon:
            # curl leaves out a header that it would send itself.
            self._left_out.add(name.strip().lower())
        elif value.endswith(";"):
            self._headers.append((value[:-1].strip(), ""))

    def _add(self, kind: str, value: str) -> None:
        """Adds one piece of data. `-d @file` leaves out line ends, `--data-binary` keeps them."""
        if kind == "urlencode":
            self._data.append(self._url_encoded(value))
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

    def _url_encoded(self, value: str) -> bytes:
        """Returns the data of `--data-urlencode`: `text`, `name=text`, `@file` or `name@file`."""
        key, mark, text = value, "", value
        for letter in value:
            if letter in "=@":
                key, mark, text = value.partition(letter)
                break
        if not mark:
            key = ""
        refuse_unknown(text)
        content = self._read_file(text) if mark == "@" else as_bytes(text)
        return as_bytes(f"{key}=" if key else "") + quote_plus(content).encode()

    def request(self) -> ClientRequest:
        """Returns the request as curl sends it."""
        if not self._url:
            raise DocumentError("the command line has no URL")
        address, path = url_of(self._url)
        if not self._path_as_is:
            path = _without_dot_segments(path)
        body = (b"" if self._json else b"&").join(self._data)
        has_body = bool(self._data) and not self._get
        if self._upload is not None:
            body, has_body = self._upload, True
            if path.endswith("/"):
                path += self._upload_name.rpartition("/")[2]
        names = {name.lower() for name, _ in self._headers} | self._left_out
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
        if " " in self._url:
            return ClientRequest(api, path=path, refusal=_BLANK, form="curl")
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


def _without_dot_segments(path: str) -> str:
    """Returns a path without `/./` and `/../`, which curl removes."""
    if "/." not in path:
        return path
    kept: list[str] = []
    parts = path.split("/")[1:]
    for index, part in enumerate(parts):
        if part == ".." and kept:
            kept.pop()
        if part not in (".", ".."):
            kept.append(part)
        elif index == len(parts) - 1:
            kept.append("")
    return "/" + "/".join(kept)
