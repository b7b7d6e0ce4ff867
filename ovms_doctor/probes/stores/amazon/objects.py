"""GetObject by botocore's own signer and connections, without the further work of a client around each request.

A client's own work takes several times as long as the rest of the request, and there is one object for each model
version.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit


class Objects:
    """The objects of a bucket, requested as ``client`` would request them.

    ``keys``: the keys for signatures, empty without signatures.
    """

    def __init__(self, client: Any, bucket: str, keys: tuple[str, ...]) -> None:
        from botocore.auth import S3SigV4Auth
        from botocore.credentials import Credentials
        from botocore.httpsession import URLLib3Session

        # The client itself has the address of its requests, and the region for its signatures.
        address = urlsplit(client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}))
        self._base = f"{address.scheme}://{address.netloc}{address.path[:-1]}"
        scope = parse_qs(address.query).get("X-Amz-Credential", [""])[0].split("/")
        self._auth = S3SigV4Auth(Credentials(*keys), "s3", scope[-3]) if keys else None
        config = client.meta.config
        self._session = URLLib3Session(
            proxies=config.proxies,
            timeout=(config.connect_timeout, config.read_timeout),
            max_pool_connections=config.max_pool_connections,
        )

    def open(self, key: str) -> Any | None:
        """Returns the body of a whole object, a ``botocore.response.StreamingBody``; None for any other response,
        which the client then requests and reports. Raises botocore's exceptions for a connection."""
        from botocore.awsrequest import AWSRequest
        from botocore.response import StreamingBody

        request = AWSRequest("GET", self._base + quote(key, safe="/~"), stream_output=True)
        if self._auth is not None:
            self._auth.add_auth(request)
        response = self._session.send(request.prepare())
        if response.status_code != 200:
            response.raw.close()
            return None
        return StreamingBody(response.raw, response.headers.get("content-length"))
