"""The protocol of a port, from its answer to the opening of the requested protocol."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

from ovms_doctor.model.live import Protocol, TlsResult

if TYPE_CHECKING:
    from ovms_doctor.probes.live.question import LiveQuestion

#: The connection preface of HTTP/2 and an empty SETTINGS frame (RFC 9113, 3.4).
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
_MOST_BYTES = 512
_TLS_ALERT, _TLS_HANDSHAKE = 0x15, 0x16


def first_answer(question: LiveQuestion, address: str, timeout: float, *, tls: bool) -> tuple[Protocol, str]:
    """Returns the protocol of the answer, and its first bytes as text."""
    try:
        connection = socket.create_connection((address, question.address.port), timeout)
    except OSError:
        return "closed", ""
    with connection:
        try:
            data = _exchanged(question, connection, timeout, tls=tls)
        except TimeoutError:
            return "silent", ""
        except OSError:
            return "closed", ""
        finally:
            connection.close()
    return recognise(data), _printable(data)


def first_answer_on(question: LiveQuestion, connection: socket.socket, timeout: float) -> Protocol:
    """Returns the protocol of the answer over an existing connection, such as a tunnel. Raises OSError."""
    return recognise(_exchanged(question, connection, timeout, tls=question.address.tls))


def _exchanged(question: LiveQuestion, connection: socket.socket, timeout: float, *, tls: bool) -> bytes:
    """Returns the first bytes of the answer to the opening of the protocol; closes a connection over TLS."""
    if not tls:
        connection.sendall(_PREFACE if question.address.grpc else _get(question))
        return _read(connection, timeout)
    context = tls_context(question)
    if question.address.grpc:
        context.set_alpn_protocols(["h2"])
    with context.wrap_socket(connection, server_hostname=question.address.host) as wrapped:
        wrapped.sendall(_PREFACE if question.address.grpc else _get(question))
        return _read(wrapped, timeout)


def _get(question: LiveQuestion) -> bytes:
    address = question.address.netloc
    text = f"GET /v2 HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    return text.encode("idna" if not address.isascii() else "ascii", "replace")


def _read(connection: socket.socket, timeout: float) -> bytes:
    """Returns the first bytes: as many as are needed to recognise a protocol."""
    end = time.monotonic() + timeout
    data = b""
    while len(data) < 9 and time.monotonic() < end:
        connection.settimeout(max(0.05, end - time.monotonic()))
        piece = connection.recv(_MOST_BYTES)
        if not piece:
            return data
        data += piece
    return data


def _printable(data: bytes) -> str:
    """Returns the first line; if the bytes are not text, the first ones in hexadecimal digits."""
    line = data.partition(b"\n")[0].rstrip(b"\r")[:80].decode("ascii", "replace")
    return line if line.isascii() and line.isprintable() else data[:16].hex(" ")


def recognise(data: bytes) -> Protocol:
    """Returns the protocol of an answer's first bytes."""
    if not data:
        return "closed"
    if data.startswith(b"HTTP/"):
        # nginx and others answer a plain request on their TLS port in plain HTTP, with a text of their own.
        return "tls" if b"plain HTTP request was sent to HTTPS" in data else "http"
    if data.lstrip()[:5].lower() in (b"<!doc", b"<html"):
        # An error page without a status line, as in HTTP/0.9.
        return "http"
    if len(data) >= 9 and data[3] == 4 and data[5:9] == b"\0\0\0\0":
        return "http2"
    if data[0] in (_TLS_ALERT, _TLS_HANDSHAKE) and len(data) > 2 and data[1] == 3:
        return "tls"
    return "other"


def tls_context(question: LiveQuestion) -> ssl.SSLContext:
    """Returns a context with the trusted certificates. Raises OSError if the file with them cannot be used."""
    context = ssl.create_default_context(cafile=question.settings.ca)
    if question.settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def tls_handshake(question: LiveQuestion, address: str, timeout: float) -> TlsResult:
    """Makes a handshake, and checks the certificate as requested."""
    try:
        context = tls_context(question)
    except OSError as error:
        return TlsResult(False, "failed", f"{question.settings.ca}: {error.strerror or error}")
    try:
        with socket.create_connection((address, question.address.port), timeout) as connection:
            connection.settimeout(timeout)
            context.wrap_socket(connection, server_hostname=question.address.host).close()
    except ssl.SSLCertVerificationError as error:
        is_name = "mismatch" in str(error.verify_message).lower()
        return TlsResult(False, "name" if is_name else "certificate", str(error.verify_message))
    except ssl.SSLError as error:
        return TlsResult(
            False, "not_tls" if error.reason in _NOT_TLS else "failed", error.reason or str(error)
        )
    except OSError as error:
        return TlsResult(False, "failed", error.strerror or str(error) or type(error).__name__)
    return TlsResult(True)


#: Reasons of OpenSSL for an answer that is not a TLS record.
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
)
