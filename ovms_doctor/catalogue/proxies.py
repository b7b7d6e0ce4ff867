"""Entries on proxies: which variable each of the server's clients for remote storage reads, and how."""

from __future__ import annotations

from ovms_doctor.model import server_log as log
from ovms_doctor.model.codes import Code, Example

_ALL = "The same from 2022.1 to 2026.3."

PROXY_WITHOUT_PORT = Code(
    code="OVD601",
    name="proxy-without-port",
    severity="error",
    summary="The proxy names no port: the server ends over it",
    remedy="Write the port: http://proxy.example.com:3128.",
    log=(log.ENDS_BY_EXCEPTION,),
    recovers="restart",
    releases=_ALL,
    see_also=("OVD602",),
    example=Example("https_proxy=http://proxy.example.com", "https_proxy=http://proxy.example.com:3128"),
)

PROXY_NOT_UNDERSTOOD = Code(
    code="OVD602",
    name="proxy-not-understood",
    severity="warning",
    summary="The S3 client cannot read the proxy, and goes direct",
    remedy=(
        "Write it as http://HOST:PORT, with a user and a password before the host where the proxy wants them."
    ),
    log=(log.PROXY_UNREAD,),
    recovers="restart",
    releases=_ALL,
    see_also=("OVD601", "OVD604"),
    example=Example("https_proxy=proxy.example.com:3128", "https_proxy=http://proxy.example.com:3128"),
)

PROXY_VARIABLE_UNREAD = Code(
    code="OVD603",
    name="proxy-variable-unread",
    severity="warning",
    summary="The proxy stands in a variable that the client does not read",
    remedy="Set https_proxy, in small letters: every client reads it.",
    recovers="restart",
    releases=_ALL,
    see_also=("OVD604",),
    example=Example(
        "http_proxy=http://proxy.example.com:3128        for gs://",
        "https_proxy=http://proxy.example.com:3128",
    ),
)

PROXY_SET_TO_NOTHING = Code(
    code="OVD604",
    name="proxy-set-to-nothing",
    severity="warning",
    summary="An empty https_proxy hides the proxy that is set beside it",
    remedy="Remove the empty variable, or give it the proxy.",
    recovers="restart",
    releases=_ALL,
    see_also=("OVD603",),
    example=Example(
        "https_proxy=\nhttp_proxy=http://proxy.example.com:3128", "http_proxy=http://proxy.example.com:3128"
    ),
)

NO_PROXY_NOT_ASKED = Code(
    code="OVD605",
    name="no-proxy-not-asked",
    severity="warning",
    summary="no_proxy names the S3 endpoint, and the client goes through the proxy all the same",
    remedy=(
        "Leave the proxy's variables out of the server's environment, or let the proxy reach the endpoint."
    ),
    recovers="restart",
    releases="Since 2024.0, with the AWS SDK 1.11. What the older SDK does was not seen.",
    see_also=("OVD602",),
    example=Example(
        "S3_ENDPOINT=http://minio:9000\nhttps_proxy=http://proxy.example.com:3128\nno_proxy=minio",
        "S3_ENDPOINT=http://minio:9000",
    ),
)

PROXY_OVER_TLS = Code(
    code="OVD606",
    name="proxy-over-tls",
    severity="info",
    summary="The proxy's own address begins with https://",
    remedy="Write http:// before the proxy's host, unless the proxy has a certificate of its own.",
    recovers="restart",
    releases=_ALL,
    see_also=("OVD602",),
    example=Example(
        "https_proxy=https://proxy.example.com:3128", "https_proxy=http://proxy.example.com:3128"
    ),
)

PROXY_PASSWORD_AMBIGUOUS = Code(
    code="OVD607",
    name="proxy-password-ambiguous",
    severity="warning",
    summary="The proxy's password holds a character that clients read in different ways",
    remedy="Give the proxy's user a password of letters and digits.",
    recovers="restart",
    releases=_ALL,
    see_also=("OVD602",),
    example=Example(
        "https_proxy=http://user:p%40ss@proxy.example.com:3128", "a password of letters and digits"
    ),
)

PROXY_NOT_PASSED = Code(
    code="OVD608",
    name="proxy-not-passed",
    severity="info",
    summary="This host uses a proxy, and the container was not given it",
    remedy="Start the container with -e https_proxy, if the store is behind the proxy.",
    recovers="restart",
    releases="The same in all releases.",
    see_also=("OVD603",),
    example=Example("docker run …", "docker run -e https_proxy …"),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "proxies": (
        PROXY_WITHOUT_PORT,
        PROXY_NOT_UNDERSTOOD,
        PROXY_VARIABLE_UNREAD,
        PROXY_SET_TO_NOTHING,
        NO_PROXY_NOT_ASKED,
        PROXY_OVER_TLS,
        PROXY_PASSWORD_AMBIGUOUS,
        PROXY_NOT_PASSED,
    ),
}
