"""The remedy for an endpoint that is the container itself: how a container reaches a store elsewhere."""

from __future__ import annotations

from ovms_doctor.checks.context import Context
from ovms_doctor.model.findings import Step

OTHER_ADDRESS = (
    "A store on this host, or in another container, has another address in the container's network."
)


def loopback_steps(context: Context, variable: str, scheme: str, port: str) -> tuple[Step, ...]:
    """Returns the steps that reach a store on the host, or in another container. ``variable``: the one that names the
    endpoint; ``port``: with its colon, empty for none."""
    container = context.deployment.container
    source = None if container is None else container.source
    if source == "kubernetes":
        return (Step(f"Name the store's service: {variable}={scheme}://SERVICE.NAMESPACE{port}"),)
    beside = Step(
        "If the store runs in another container, join its network and use its name: "
        f"{variable}={scheme}://SERVICE{port}"
    )
    if container is not None and container.engine == "podman":
        host = f"{variable}={scheme}://host.containers.internal{port}"
        return (
            beside,
            Step("If it runs on the host, name the host.", f"-e {host}", "docker run", "restarts the server"),
        )
    gateway = f"{variable}={scheme}://host.docker.internal{port}"
    text = "If it runs on the host and listens on all addresses, name the host."
    if source == "compose":
        command = f'extra_hosts: ["host.docker.internal:host-gateway"]   # and {gateway}'
        return (beside, Step(text, command, "compose", "restarts the server"))
    command = f"--add-host host.docker.internal:host-gateway -e {gateway}"
    return (
        beside,
        Step(text, command, "docker run", "restarts the server"),
        Step(
            "Or start the container in the host's network.",
            "--network host",
            "docker run",
            "restarts the server",
        ),
    )
