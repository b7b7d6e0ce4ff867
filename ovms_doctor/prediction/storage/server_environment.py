"""The server's variables for its clients: set, empty, not set, or not known."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.environment import Variable


class ServerEnvironment(Struct, frozen=True):
    """The variables of the server."""

    #: The variables whose values are known, by name.
    known: Mapping[str, Variable] = field(default_factory=dict)
    #: The names of variables that are set to a value that is not known.
    unread: frozenset[str] = frozenset()
    #: Whether there are no others: a variable that is not here is not set.
    whole: bool = False
    #: Whether it is known that there are others.
    partial: bool = False

    def has(self, name: str) -> bool:
        """Whether the variable exists, even if it is empty: ``getenv`` returns a pointer."""
        return name in self.known or name in self.unread

    def filled(self, name: str) -> bool:
        """Returns whether the variable exists and is not empty. An unknown value counts as not empty."""
        return name in self.unread or (name in self.known and not self.known[name].empty)

    def empty(self, name: str) -> bool:
        """Whether the variable exists and is empty."""
        return name in self.known and self.known[name].empty

    def text(self, name: str) -> str | None:
        """Returns the variable's value if it may be kept: empty if it is set to nothing, None if it is not set or not
        known."""
        variable = self.known.get(name)
        if variable is None:
            return None
        return "" if variable.empty else variable.text

    def knows_family(self, prefix: str) -> bool:
        """Whether enough is configured to report a missing variable: all variables, or one with the same prefix."""
        family = any(name.startswith(prefix) for name in (*self.known, *self.unread))
        return self.whole or (family and not self.partial)


def server_environment(deployment: Deployment) -> ServerEnvironment:
    """Returns the variables of the server. Only for a container all are known; a user may have named only some."""
    known = {item.name: item for item in deployment.environment}
    container = deployment.container
    if container is None:
        return ServerEnvironment(known)
    unread = frozenset(container.environment_names) - known.keys()
    partial = bool({"environment", "environment_names"} & set(container.unknown_fields))
    return ServerEnvironment(known, unread, not partial, partial)
