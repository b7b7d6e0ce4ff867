"""A program that contacts one address with libcurl, as a client of the server does. It prints nothing.

``curl.py environment URL PORT``: with the proxy that libcurl finds in the environment. ``curl.py s3 URL PORT
PROXY-HOST PROXY-PORT USER PASSWORD``: with the options that the AWS SDK sets after it has read the
environment itself (CurlHttpClient.cpp: PROXY, PROXYPORT, PROXYUSERNAME, PROXYPASSWORD, and an empty NOPROXY,
which ``s3-1.7`` does not set). Whatever the host, a direct connection goes to PORT on the loopback.
"""

import contextlib
import sys

import pycurl


def main(mode: str, url: str, port: str, *proxy: str) -> None:
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.CONNECT_TO, [f"::127.0.0.1:{port}"])
    curl.setopt(pycurl.TIMEOUT, 20)
    curl.setopt(pycurl.WRITEFUNCTION, lambda data: len(data))
    if mode == "s3":
        curl.setopt(pycurl.NOPROXY, "")
    if mode in ("s3", "s3-1.7"):
        host, number, user, password = [*proxy, "", "", "", ""][:4]
        curl.setopt(pycurl.PROXY, host)
        if host:
            curl.setopt(pycurl.PROXYPORT, int(number))
        if user:
            curl.setopt(pycurl.PROXYUSERNAME, user)
            curl.setopt(pycurl.PROXYPASSWORD, password)
    # Proxy and origin read only the first line: the test checks which of them was contacted.
    with contextlib.suppress(pycurl.error):
        curl.perform()


if __name__ == "__main__":
    main(*sys.argv[1:])
