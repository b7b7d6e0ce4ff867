"""Environments, and the route of each client with them. ``{proxy}`` is replaced by the proxy's HOST:PORT."""

from __future__ import annotations

P = "http://{proxy}"

#: (environment, what decides, the way): for a model in S3, in every release.
S3: tuple[tuple[dict[str, str], str, str], ...] = (
    ({}, "", "direct"),
    ({"https_proxy": P}, "https_proxy", "proxy"),
    ({"HTTPS_PROXY": P}, "HTTPS_PROXY", "proxy"),
    ({"http_proxy": P}, "http_proxy", "proxy"),
    ({"HTTP_PROXY": P}, "HTTP_PROXY", "proxy"),
    ({"https_proxy": P, "HTTPS_PROXY": "http://other:1"}, "https_proxy", "proxy"),
    ({"HTTPS_PROXY": P, "http_proxy": "http://other:1"}, "HTTPS_PROXY", "proxy"),
    ({"http_proxy": P, "HTTP_PROXY": "http://other:1"}, "http_proxy", "proxy"),
    ({"https_proxy": ""}, "https_proxy", "direct"),
    ({"https_proxy": "", "http_proxy": P}, "https_proxy", "direct"),
    ({"https_proxy": "", "HTTPS_PROXY": P}, "https_proxy", "direct"),
    ({"HTTPS_PROXY": "", "http_proxy": P}, "HTTPS_PROXY", "direct"),
    ({"http_proxy": "", "HTTP_PROXY": P}, "http_proxy", "direct"),
    ({"ALL_PROXY": P}, "", "direct"),
    ({"all_proxy": P}, "", "direct"),
    ({"HTTP_proxy": P}, "", "direct"),
    ({"Https_Proxy": P}, "", "direct"),
    ({"https_proxy": P, "no_proxy": "*"}, "https_proxy", "proxy"),
    ({"https_proxy": P, "NO_PROXY": "store.test"}, "https_proxy", "proxy"),
    ({"https_proxy": P + "/"}, "https_proxy", "proxy"),
    ({"https_proxy": "http://user:word@{proxy}"}, "https_proxy", "proxy"),
    ({"https_proxy": "http://dom\\user:word@{proxy}"}, "https_proxy", "proxy"),
    ({"https_proxy": "https://{proxy}"}, "https_proxy", "proxy"),
    ({"https_proxy": "{proxy}"}, "https_proxy", "unread"),
    ({"https_proxy": "HTTP://{proxy}"}, "https_proxy", "unread"),
    ({"https_proxy": "socks5://{proxy}"}, "https_proxy", "unread"),
    ({"https_proxy": "http://[::1]:3128"}, "https_proxy", "unread"),
    ({"https_proxy": P + "/path"}, "https_proxy", "unread"),
    ({"https_proxy": "http://user:@{proxy}"}, "https_proxy", "unread"),
    ({"https_proxy": "http://host:123456"}, "https_proxy", "unread"),
    ({"https_proxy": " " + P}, "https_proxy", "unread"),
    ({"https_proxy": P + " "}, "https_proxy", "unread"),
    ({"https_proxy": "http://host:"}, "https_proxy", "unread"),
    ({"https_proxy": "http://host"}, "https_proxy", "ends"),
    ({"https_proxy": "http://host/"}, "https_proxy", "ends"),
    ({"https_proxy": "https://user:word@host"}, "https_proxy", "ends"),
    ({"HTTP_PROXY": "http://host"}, "HTTP_PROXY", "ends"),
    ({"https_proxy": "", "HTTP_PROXY": "http://host"}, "https_proxy", "direct"),
)

#: For a client with libcurl that uses https.
CURL: tuple[tuple[dict[str, str], str, str], ...] = (
    ({}, "", "direct"),
    ({"https_proxy": P}, "https_proxy", "proxy"),
    ({"HTTPS_PROXY": P}, "HTTPS_PROXY", "proxy"),
    ({"https_proxy": P, "HTTPS_PROXY": "http://127.0.0.1:1"}, "https_proxy", "proxy"),
    ({"https_proxy": "", "HTTPS_PROXY": P}, "HTTPS_PROXY", "proxy"),
    ({"http_proxy": P}, "", "direct"),
    ({"HTTP_PROXY": P}, "", "direct"),
    ({"HTTP_proxy": P}, "", "direct"),
    ({"all_proxy": P}, "all_proxy", "proxy"),
    ({"ALL_PROXY": P}, "ALL_PROXY", "proxy"),
    ({"https_proxy": "", "ALL_PROXY": P}, "ALL_PROXY", "proxy"),
    ({"https_proxy": P, "all_proxy": "http://127.0.0.1:1"}, "https_proxy", "proxy"),
    ({"https_proxy": "{proxy}"}, "https_proxy", "proxy"),
    ({"https_proxy": "HTTP://{proxy}"}, "https_proxy", "proxy"),
    ({"https_proxy": P, "no_proxy": "{host}"}, "no_proxy", "exempt"),
    ({"https_proxy": P, "NO_PROXY": "{host}"}, "NO_PROXY", "exempt"),
    ({"https_proxy": P, "no_proxy": "*"}, "no_proxy", "exempt"),
    ({"https_proxy": P, "no_proxy": ".{domain}"}, "no_proxy", "exempt"),
    ({"https_proxy": P, "no_proxy": "{domain}"}, "no_proxy", "exempt"),
    ({"https_proxy": P, "no_proxy": "other.test, {host}"}, "no_proxy", "exempt"),
    ({"https_proxy": P, "no_proxy": "other.test {host}"}, "https_proxy", "proxy"),
    ({"https_proxy": P, "no_proxy": "x{host}"}, "https_proxy", "proxy"),
    ({"https_proxy": P, "no_proxy": "other.test"}, "https_proxy", "proxy"),
    ({"https_proxy": P, "no_proxy": "", "NO_PROXY": "{host}"}, "NO_PROXY", "exempt"),
    ({"https_proxy": P, "no_proxy": "other.test", "NO_PROXY": "{host}"}, "https_proxy", "proxy"),
    ({"no_proxy": "{host}"}, "", "direct"),
)

#: Azure until 2026.3, and cloning from Hugging Face: one variable, in small letters.
AZURE: tuple[tuple[dict[str, str], str, str], ...] = (
    ({}, "", "direct"),
    ({"https_proxy": P}, "https_proxy", "proxy"),
    ({"https_proxy": ""}, "https_proxy", "direct"),
    ({"HTTPS_PROXY": P}, "", "direct"),
    ({"http_proxy": P}, "", "direct"),
    ({"all_proxy": P}, "", "direct"),
    ({"https_proxy": P, "no_proxy": "*"}, "https_proxy", "proxy"),
    ({"http_proxy": P, "AZURE_STORAGE_USE_HTTP_PROXY": "1"}, "http_proxy", "proxy"),
    ({"http_proxy": P, "AZURE_STORAGE_USE_HTTP_PROXY": ""}, "http_proxy", "proxy"),
    ({"http_proxy": P, "AZURE_STORAGE_USE_HTTP_PROXY": "0"}, "http_proxy", "proxy"),
    ({"https_proxy": P, "AZURE_STORAGE_USE_HTTP_PROXY": "1"}, "", "direct"),
    ({"HTTP_PROXY": P, "AZURE_STORAGE_USE_HTTP_PROXY": "1"}, "", "direct"),
)
CLONE: tuple[tuple[dict[str, str], str, str], ...] = (
    ({}, "", "direct"),
    ({"https_proxy": P}, "https_proxy", "proxy"),
    ({"https_proxy": P, "no_proxy": "huggingface.co"}, "https_proxy", "proxy"),
    ({"HTTPS_PROXY": P}, "", "direct"),
    ({"http_proxy": P}, "", "direct"),
    ({"ALL_PROXY": P}, "", "direct"),
    ({"http_proxy": P, "AZURE_STORAGE_USE_HTTP_PROXY": "1"}, "", "direct"),
)


def filled(environment: dict[str, str], **values: str) -> dict[str, str]:
    """The environment with its placeholders replaced."""
    result = dict(environment)
    for name, value in values.items():
        result = {key: text.replace("{" + name + "}", value) for key, text in result.items()}
    return result
