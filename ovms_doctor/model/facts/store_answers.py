"""The answers of a store (S3, Google Cloud Storage)."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import field

from ovms_doctor.model.facts.question import AnswerBase, FactData

StoreCall: TypeAlias = Literal["HeadBucket", "ListObjects", "GetObject", "Token", "Credentials"]
#: The failure instead of an answer. ``name``: the host is not found, ``proxy name``: the proxy is not found;
#: ``refused``: no process listens; ``proxy``: the proxy itself refuses; ``reset``: the connection broke off;
#: ``truncated``: fewer bytes than announced; ``tls``: no encrypted connection is possible; ``timeout``: no answer in
#: time; ``unreadable``: the response is not the store's.
StoreProblem: TypeAlias = Literal[
    "", "name", "proxy name", "refused", "proxy", "reset", "truncated", "tls", "timeout", "unreadable"
]
#: Texts of a refusal that may depend on the network from which the store is reached.
_NETWORK_CONDITIONS = (
    "explicit deny",
    "vpc endpoint policy",
    "vpcservicecontrols",
    "prohibited by organization",
)


class StoreResponse(AnswerBase, frozen=True, tag="StoreAnswered"):
    """A store's answer to a successful request.

    * ``region``: the bucket's region, empty if the store does not report it.
    """

    region: str = ""


class StoredObject(FactData, frozen=True):
    """An object in a store.

    * ``key``: its key.
    * ``size``: its size in bytes.
    * ``archived``: whether its storage class requires that it is restored before it can be read.
    """

    key: str
    size: int
    archived: bool = False


class StoreListing(AnswerBase, frozen=True):
    """Keys of a store.

    * ``objects``: the objects in the order of their keys' bytes.
    * ``more``: whether there are other keys after the last one.
    * ``prefixes``: of a delimited list, the beginnings of the keys up to the next slash, with that slash.
    """

    objects: tuple[StoredObject, ...]
    more: bool = False
    prefixes: tuple[str, ...] = ()


class StoreRefusal(AnswerBase, frozen=True):
    """A refusal of a request by a store, or by a proxy before it.

    * ``call``: the request.
    * ``status``: the HTTP status, 0 without an answer.
    * ``code``: the store's own error code (``AccessDenied``), empty if it has none.
    * ``message``: its error message, cut, without secrets.
    * ``problem``: the failure instead of an answer, empty if there was an answer.
    * ``region``: the bucket's region, empty if the store does not report it.
    * ``host``: the host and port of the request.
    * ``key``: of several objects that were requested together, the refused one.
    """

    call: StoreCall
    status: int = 0
    code: str = ""
    message: str = ""
    problem: StoreProblem = field(default="", name="trouble")
    region: str = ""
    host: str = ""
    key: str = ""

    @property
    def temporary(self) -> bool:
        """Whether the same question may have another answer a moment later, or from another network."""
        return bool(self.problem) or self.status in (0, 408, 425, 429) or self.status >= 500

    @property
    def clock_refused(self) -> bool:
        """Whether the store refuses this host's clock; Google reports that for a token."""
        return self.code == "RequestTimeTooSkewed" or "short-lived" in self.message

    @property
    def depends_on_network(self) -> bool:
        """Whether the store may refuse one network and accept another: of a condition Amazon reports only that a
        statement denies the request."""
        text = f"{self.code} {self.message}".lower()
        return self.status == 403 and any(condition in text for condition in _NETWORK_CONDITIONS)


StoreAnswer: TypeAlias = StoreResponse | StoreListing | StoreRefusal
