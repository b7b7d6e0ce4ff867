"""Google's credentials from a key file, and their tokens, which are requested only from the server that the file
names."""

from __future__ import annotations

import json
import time
from typing import Any

from ovms_doctor.probes.stores.answers import authority_of
from ovms_doctor.probes.stores.google.session import (
    LastResponse,
    ReceivedResponse,
    StoreProxy,
    of_exception,
    of_response,
    open_session,
)

#: The token server of a file that names none (google-cloud-cpp, oauth2_google_credentials.h).
TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
#: The rights to read objects and list them only.
SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
_UNIVERSE = "googleapis.com"
_BAD_KEY = "the private key in the server's Google credentials cannot be used"


class StoreClientError(Exception):
    """These credentials cannot be tried from here; the text is the reason."""


class TokenError(Exception):
    """These credentials return no token.

    ``response``: the response instead of one.
    ``host``: the server of the request.
    """

    def __init__(self, response: ReceivedResponse, host: str = "") -> None:
        super().__init__(response.message)
        self.response = response
        self.host = host


class Credentials:
    """The credentials of a key file.

    ``secrets``: its parts that must never be shown.
    """

    def __init__(self, made: Any, token_uri: str, proxy: StoreProxy, secrets: tuple[str, ...]) -> None:
        from google.auth.transport.requests import Request

        self._made, self._token_uri, self._proxy = made, token_uri, proxy
        self._last = LastResponse()
        session = open_session(proxy, self._last, lambda method, url: (method, url) == ("POST", token_uri))
        self._request = Request(session)
        self.secrets = secrets

    def token(self, time_limit: float) -> str:
        """Returns a valid token; requests a new one, within ``time_limit`` seconds, if the last one has expired.
        Raises RequestNotSentError, TokenError."""
        from google.auth.exceptions import GoogleAuthError
        from requests.exceptions import RequestException

        if self._made.valid:
            return str(self._made.token)
        end = time.monotonic() + time_limit
        answered: list[Any] = []

        def ask(url: str, method: str = "GET", body: Any = None, headers: Any = None, **_: Any) -> Any:
            """Sends a request. Google's library waits and repeats it by itself if the server is busy."""
            left = end - time.monotonic()
            if left <= 0:
                raise GoogleAuthError("there is no time left")
            self._last.response = None
            response = self._request(url, method, body, headers, timeout=(left, left))
            answered.append(self._last.response)
            return response

        host = authority_of(self._token_uri)
        proxied = bool(self._proxy.url)
        try:
            self._made.refresh(ask)
        except (GoogleAuthError, RequestException) as error:
            if not answered:
                raise TokenError(of_exception(error), host) from None
            raise TokenError(_refused(answered[-1], proxied), host) from None
        except (ValueError, TypeError, KeyError, AttributeError):
            if not answered:
                raise StoreClientError(_BAD_KEY) from None
            raise TokenError(_refused(answered[-1], proxied), host) from None
        return str(self._made.token)


def _refused(response: Any, proxied: bool) -> ReceivedResponse:
    if response.status_code < 300:
        return ReceivedResponse("unreadable", message="the answer holds no token")
    return of_response(response, proxied)


def read_credentials(content: bytes, proxy: StoreProxy, self_signed: bool) -> Credentials:
    """Returns the credentials in ``content``, the key file. Raises StoreClientError.

    ``proxy``: the proxy to the token server.
    ``self_signed``: whether a service account's tokens are signed here and not requested.
    """
    try:
        info = json.loads(content.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
    except (ValueError, RecursionError):
        raise StoreClientError("the file with the server's Google credentials is not JSON") from None
    if not isinstance(info, dict):
        raise StoreClientError("the file with the server's Google credentials holds no credentials")
    if info.get("universe_domain", _UNIVERSE) != _UNIVERSE:
        raise StoreClientError("credentials for another cloud than Google's own cannot be tried from here")
    kind = info.get("type")
    token_uri = info.get("token_uri", TOKEN_URI)
    if kind not in ("service_account", "authorized_user"):
        named = kind if isinstance(kind, str) and kind.isidentifier() and len(kind) < 40 else "this type"
        raise StoreClientError(f"Google credentials of {named} cannot be tried from here")
    if not authority_of(token_uri if isinstance(token_uri, str) else ""):
        raise StoreClientError("the server's Google credentials have no address for tokens")
    names = ("private_key", "private_key_id", "refresh_token", "client_secret")
    texts = [info[name] for name in names if isinstance(info.get(name), str)]
    # Lines of a key may be quoted separately.
    secrets = tuple(
        line for text in texts for line in (text, *text.split("\n")) if not line.startswith("-----")
    )
    made = _service_account if kind == "service_account" else _authorized_user
    return Credentials(made({**info, "token_uri": token_uri}, self_signed), token_uri, proxy, secrets)


def _service_account(info: dict[str, Any], self_signed: bool) -> Any:
    from google.oauth2 import service_account

    for name in ("client_email", "private_key"):
        if not isinstance(info.get(name), str) or not info[name]:
            raise StoreClientError(f"the server's Google credentials have no {name}")
    try:
        made = service_account.Credentials.from_service_account_info(info, scopes=[SCOPE])
    except (ValueError, TypeError, KeyError, AttributeError):
        raise StoreClientError(_BAD_KEY) from None
    if self_signed:
        return made.with_always_use_jwt_access(True)
    # This library always names Google's own server as the audience; the server's library names the actual token
    # server.
    return made.with_claims({"aud": info["token_uri"]})


def _authorized_user(info: dict[str, Any], _: bool) -> Any:
    from google.oauth2.credentials import Credentials as UserCredentials

    for name in ("client_id", "client_secret", "refresh_token"):
        if not isinstance(info.get(name), str) or not info[name]:
            raise StoreClientError(f"the server's Google credentials have no {name}")
    # Without scopes, like the server's library: the refresh token has its own.
    return UserCredentials(
        None,
        refresh_token=info["refresh_token"],
        token_uri=info["token_uri"],
        client_id=info["client_id"],
        client_secret=info["client_secret"],
    )
