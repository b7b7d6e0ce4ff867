"""The server's environment, as far as OVMS reads it: the name of a variable and the properties of its value that
rules need. Values are not kept, except those for requests to stores, which are secrets that nothing writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.proxy import Proxy, read_proxy
from ovms_doctor.model.secrets import Secret
from ovms_doctor.model.text import HIDDEN, redact

#: The variables that OVMS reads with getenv when it serves models (src at v2026.3; each with its first release),
#: without the variables of its clients for remote storage and for pulling models.
READ_BY_OVMS: Mapping[str, tuple[int, ...]] = {
    "GRPC_SERVERS": (2022, 1),
    "API_KEY": (2025, 4),
    "OVMS_MODEL_REPOSITORY_PATH": (2025, 4),
    "DROGON_LOG_LEVEL": (2026, 0),
    "OVMS_MEDIA_URL_ALLOW_REDIRECTS": (2026, 0),
    "OVMS_AUDIO_MAX_FILE_SIZE_BYTES": (2026, 2),
    "OVMS_GRAPH_QUEUE_OFF": (2026, 2),
}
#: The variables that its clients for remote storage and for pulling models read, and the libraries below them.
READ_BY_CLIENTS = frozenset(
    "AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_DEFAULT_REGION "
    "S3_ENDPOINT GOOGLE_APPLICATION_CREDENTIALS CLOUD_STORAGE_EMULATOR_ENDPOINT "
    "CLOUD_STORAGE_TESTBENCH_ENDPOINT AZURE_STORAGE_CONNECTION_STRING AZURE_STORAGE_USE_HTTP_PROXY HF_TOKEN "
    "HF_ENDPOINT GIT_OPT_SET_SERVER_CONNECT_TIMEOUT GIT_OPT_SET_SERVER_TIMEOUT no_proxy NO_PROXY".split()
)
#: Variables that clients of other programs for the same stores read, and OVMS's clients do not or only in part: they
#: show the user's intention.
READ_BY_OTHER_CLIENTS = frozenset(
    "AWS_DEFAULT_PROFILE AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONTAINER_CREDENTIALS_RELATIVE_URI "
    "AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_SHARED_CREDENTIALS_FILE AWS_CONFIG_FILE AWS_EC2_METADATA_DISABLED "
    "AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 STORAGE_EMULATOR_HOST GOOGLE_CLOUD_PROJECT CLOUDSDK_CONFIG "
    "AZURE_STORAGE_ACCOUNT AZURE_STORAGE_KEY AZURE_STORAGE_SAS_TOKEN AZURE_CLIENT_ID "
    "HUGGING_FACE_HUB_TOKEN HUGGINGFACE_TOKEN HUGGINGFACEHUB_API_TOKEN HF_API_TOKEN HF_HOME HF_HUB_CACHE "
    "HUGGINGFACE_HUB_CACHE TRANSFORMERS_CACHE HF_HUB_OFFLINE".split()
)
#: Times in milliseconds of the client that pulls models.
_TIMEOUTS = frozenset("GIT_OPT_SET_SERVER_CONNECT_TIMEOUT GIT_OPT_SET_SERVER_TIMEOUT".split())
#: Variables with the address of a host: text before an @ in it is a user and a password.
_ADDRESSES = frozenset(
    "S3_ENDPOINT AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 STORAGE_EMULATOR_HOST CLOUD_STORAGE_EMULATOR_ENDPOINT "
    "CLOUD_STORAGE_TESTBENCH_ENDPOINT HF_ENDPOINT".split()
)
#: Variables whose value is kept only in the form of a name: a profile's, a region's, a switch.
_WORDS = frozenset("AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION AWS_EC2_METADATA_DISABLED".split())
#: Variables whose value is the path of a file.
_FILES = frozenset("GOOGLE_APPLICATION_CREDENTIALS AWS_SHARED_CREDENTIALS_FILE AWS_CONFIG_FILE".split())
#: Variables whose value is a path or address and not a secret; a user in a URL is left out.
_PLACES = _FILES | {"no_proxy", "NO_PROXY", "OVMS_MODEL_REPOSITORY_PATH"}
_PLAIN_WORD = lazy_pattern(r"[\w.@+-]{0,64}")
_LONGEST_PATH = 4096
#: Spelled in any mix of capitals: the rules decide which of them a client reads.
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})
#: Variables for requests to stores, in addition to the proxies.
_KEYS = frozenset("AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN".split())
_NAME = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*")
#: The id of an Amazon key: 20 capitals and digits today, from 16 on by its API (AccessKeyId).
_AMAZON_KEY = lazy_pattern(r"[A-Z0-9]{16,128}")
_NUMBER = lazy_pattern(r"\d{1,9}")


class Variable(Struct, frozen=True, dict=True, omit_defaults=True):
    """A variable that OVMS or one of its clients reads.

    * ``name``: its name.
    * ``empty``: whether its value is empty.
    * ``number``: its value if that is a number, None if it is not a number or is not kept.
    * ``proxy``: the proxy that it names (also for names such as ``HTTP_proxy``), None for other variables.
    * ``text``: its value if that is a path, address or word and not a secret; None if it is not kept, such as the
      content of a file instead of its path.
    * ``foreign_key``: for AWS_ACCESS_KEY_ID: whether it does not have the form of Amazon's keys, and so is a key of
      another store.
    """

    name: str
    empty: bool = False
    number: int | None = None
    proxy: Proxy | None = None
    text: str | None = None
    foreign_key: bool = False

    @property
    def secret_value(self) -> Secret | None:
        """Returns the value of a key or a proxy, while this process runs; None if it is empty or was read back from
        recorded facts. It is not a field: code that writes, shows or compares a variable never has it."""
        secret: Secret | None = self.__dict__.get("value")
        return secret


def variables(pairs: Iterable[tuple[str, str]]) -> tuple[Variable, ...]:
    """Returns those of ``pairs`` that OVMS or its clients read, the last one of each name, by name."""
    known = {name: value for name, value in pairs if _is_read(name)}
    return tuple(_variable(name, value) for name, value in sorted(known.items()))


def _is_read(name: str) -> bool:
    known = READ_BY_OVMS.keys() | READ_BY_CLIENTS | READ_BY_OTHER_CLIENTS
    return name in known or name.lower() in _PROXIES


def _variable(name: str, value: str) -> Variable:
    is_proxy = name.lower() in _PROXIES
    variable = Variable(
        name,
        not value,
        int(value) if _NUMBER.fullmatch(value) and (name in READ_BY_OVMS or name in _TIMEOUTS) else None,
        read_proxy(value) if is_proxy else None,
        _text(name, value),
        name == "AWS_ACCESS_KEY_ID" and bool(value) and _AMAZON_KEY.fullmatch(value) is None,
    )
    if value and (is_proxy or name in _KEYS):
        variable.__dict__["value"] = Secret(value)
    return variable


def _text(name: str, value: str) -> str | None:
    """Returns the part of a value that may be kept, None if it is or may be a secret."""
    if name in _WORDS:
        return value if _PLAIN_WORD.fullmatch(value) else None
    if name in _ADDRESSES:
        # The query after a question mark may contain a signature.
        address = redact(value.partition("?")[0])
        before, at, host = address.rpartition("@")
        return address if not at or before.endswith(f"://{HIDDEN}") else f"{HIDDEN}@{host}"
    if name not in _PLACES:
        return None
    if name.lower() == "no_proxy" and "@" in value:
        # Not a list of hosts but an address, as in the other variables for proxies.
        return None
    is_no_path = "{" in value or "\n" in value or len(value) > _LONGEST_PATH
    return None if name in _FILES and is_no_path else redact(value)


def keeps_value(name: str) -> bool:
    """Whether the value of the variable ``name`` is kept, as far as its form allows: it contains no secret."""
    return name in _WORDS or name in _ADDRESSES or name in _PLACES


def read_pair(text: str) -> tuple[str, str] | None:
    """Returns name and value of ``NAME=VALUE``; None for another text."""
    name, equals, value = text.partition("=")
    return (name, value) if equals and _NAME.fullmatch(name) else None


def read_file(text: str) -> tuple[list[tuple[str, str]], int | None]:
    """Returns the lines of an environment file as ``docker run --env-file`` reads them: ``#`` begins a comment line,
    quotes are part of a value. The second value is the number of the first invalid line."""
    pairs = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        pair = read_pair(stripped)
        if pair is not None:
            pairs.append(pair)
        elif not _NAME.fullmatch(stripped):
            return pairs, number
    return pairs, None
