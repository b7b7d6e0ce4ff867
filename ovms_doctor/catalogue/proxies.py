"""Entries on proxies: which variable each of the server's clients for remote storage reads, and how."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.model import server_log as log

_ALL = "The same from 2022.1 to 2026.3."

CODES: tuple[Code, ...] = (
    Code(
        "OVD601",
        "proxy-without-port",
        "error",
        "proxies",
        "The proxy names no port: the server ends over it",
        "For a model in S3 the server reads the proxy from https_proxy, HTTPS_PROXY, http_proxy or HTTP_PROXY, "
        "the first that exists. It makes a number of the port even where there is none, and that error "
        "ends the process with exit code 1. Nothing in the line that it logs speaks of a proxy.",
        "Write the port: http://proxy.example.com:3128.",
        "restart",
        (log.ENDS_BY_EXCEPTION,),
        releases=_ALL,
        see_also=("OVD602",),
    ),
    Code(
        "OVD602",
        "proxy-not-understood",
        "warning",
        "proxies",
        "The S3 client cannot read the proxy, and goes direct",
        "The value must be http:// or https:// in small letters, a host that is a name or an IPv4 address, a port, "
        "and nothing behind it but one slash. For any other the server logs an error, with the whole value and "
        "the password in it, and connects without a proxy.",
        "Write it as http://HOST:PORT, with a user and a password before the host where the proxy wants them.",
        "restart",
        (log.PROXY_UNREAD,),
        releases=_ALL,
        see_also=("OVD601", "OVD604"),
    ),
    Code(
        "OVD603",
        "proxy-variable-unread",
        "warning",
        "proxies",
        "The proxy stands in a variable that the client does not read",
        "Each client has its own: S3 reads https_proxy, HTTPS_PROXY, http_proxy, HTTP_PROXY; Google Cloud Storage "
        "(libcurl) https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY; Azure https_proxy alone, or http_proxy alone "
        "where AZURE_STORAGE_USE_HTTP_PROXY exists; pulling from Hugging Face clones with https_proxy alone and "
        "fetches files as libcurl does. HTTP_proxy, as the documentation once spelt it, is read by none. "
        "Where the store can be reached only through the proxy, Google's client tries for 15 minutes without a "
        "line in the log.",
        "Set https_proxy, in small letters: every client reads it.",
        "restart",
        releases=_ALL,
        see_also=("OVD604",),
    ),
    Code(
        "OVD604",
        "proxy-set-to-nothing",
        "warning",
        "proxies",
        "An empty https_proxy hides the proxy that is set beside it",
        "The S3 client takes the first of https_proxy, HTTPS_PROXY, http_proxy, HTTP_PROXY that exists. One that "
        "is set to nothing exists: the others are not looked at, and it connects without a proxy. A line such as "
        '-e https_proxy="$https_proxy" makes one where the shell has none.',
        "Remove the empty variable, or give it the proxy.",
        "restart",
        releases=_ALL,
        see_also=("OVD603",),
    ),
    Code(
        "OVD605",
        "no-proxy-not-asked",
        "warning",
        "proxies",
        "no_proxy names the S3 endpoint, and the client goes through the proxy all the same",
        "The S3 client hands every address to the one proxy, also a plain http one and one in the same network, and "
        "does not ask no_proxy. A proxy that does not reach the endpoint answers in its place, and the server "
        "reports invalid credentials or a missing bucket.",
        "Leave the proxy's variables out of the server's environment, or let the proxy reach the endpoint.",
        "restart",
        releases="Since 2024.0, with the AWS SDK 1.11. What the older SDK does was not seen.",
        see_also=("OVD602",),
    ),
    Code(
        "OVD606",
        "proxy-over-tls",
        "info",
        "proxies",
        "The proxy's own address begins with https://",
        "The client then speaks TLS to the proxy itself. Most proxies take plain HTTP on that port, also for "
        "https:// addresses, and the connection ends with curlCode: 35.",
        "Write http:// before the proxy's host, unless the proxy has a certificate of its own.",
        "restart",
        releases=_ALL,
        see_also=("OVD602",),
    ),
    Code(
        "OVD607",
        "proxy-password-ambiguous",
        "warning",
        "proxies",
        "The proxy's password holds a character that clients read in different ways",
        "The S3 client hands user and password over as they stand. Some versions of libcurl decode %40 and its like "
        "there, newer ones do not; an @ that is not encoded cuts the host in two. The proxy answers 407, and "
        "the server reports invalid credentials for S3.",
        "Give the proxy's user a password of letters and digits.",
        "restart",
        releases=_ALL,
        see_also=("OVD602",),
    ),
    Code(
        "OVD608",
        "proxy-not-passed",
        "info",
        "proxies",
        "This host uses a proxy, and the container was not given it",
        "A container has an environment of its own: what the host's shell has set is not in it, unless the engine's "
        "configuration or the command line passes it on. Where the store can be reached only through the "
        "proxy, its models are not found; Google's client tries for 15 minutes first.",
        "Start the container with -e https_proxy, if the store is behind the proxy.",
        "restart",
        releases="The same in all releases.",
        see_also=("OVD603",),
    ),
)
