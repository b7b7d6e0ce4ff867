"""The options of ``docker run`` and ``create`` (28), ``podman run`` (5) and ``nerdctl run``, read as pflag reads
them.

Options end at the first argument that is not an option: the image. Short ones may be combined, and the last of them
may have its value attached; a switch takes a value only with an equals sign.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import field

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.engine_settings import EngineSettings
from ovms_doctor.inputs.engine_values import for_message
from ovms_doctor.inputs.shell import ShellText
from ovms_doctor.model.similar import similar_names

_SWITCHES = frozenset(
    """detach disable-content-trust help init interactive no-healthcheck oom-kill-disable privileged publish-all quiet
    read-only rm sig-proxy tty use-api-socket""".split()
)
_VALUES = frozenset(
    """add-host annotation attach blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns cidfile
    cpu-count cpu-percent cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems
    detach-keys device device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops dns
    dns-opt dns-option dns-search domainname entrypoint env env-file expose gpus group-add health-cmd health-interval
    health-retries health-start-interval health-start-period health-timeout hostname io-maxbandwidth io-maxiops ip
    ip6 ipc isolation kernel-memory label label-file link link-local-ip log-driver log-opt mac-address memory
    memory-reservation memory-swap memory-swappiness mount name net net-alias network network-alias oom-score-adj
    pid pids-limit platform publish pull restart runtime security-opt shm-size stop-signal stop-timeout storage-opt
    sysctl tmpfs ulimit user userns uts volume volume-driver volumes-from workdir""".split()
)
_SHORT = {
    "a": "attach", "c": "cpu-shares", "d": "detach", "e": "env", "h": "hostname", "i": "interactive", "l": "label",
    "m": "memory", "P": "publish-all", "p": "publish", "q": "quiet", "t": "tty", "u": "user", "v": "volume",
    "w": "workdir",
}  # fmt: skip
_PODMAN_SWITCHES = frozenset(
    """env-host http-proxy no-hostname no-hosts passwd read-only-tmpfs replace rmi rootfs tls-verify
    unsetenv-all""".split()
)
_PODMAN_VALUES = frozenset(
    """arch authfile cert-dir cgroup-conf cgroups chrootdirs conmon-pidfile creds decryption-key env-merge gidmap
    group-entry health-log-destination health-max-log-count health-max-log-size health-on-failure
    health-startup-cmd health-startup-interval health-startup-retries health-startup-success
    health-startup-timeout hosts-file hostuser image-volume init-ctr init-path os passwd-entry personality pidfile
    pod pod-id-file preserve-fd preserve-fds rdt-class requires retry retry-delay sdnotify seccomp-policy secret
    shm-size-systemd signature-policy subgidname subuidname systemd timeout tz uidmap umask unsetenv
    variant""".split()
)
#: Docker's options that Podman does not have.
_NOT_PODMAN = frozenset(
    """cpu-count cpu-percent io-maxbandwidth io-maxiops isolation link link-local-ip runtime storage-opt
    use-api-socket volume-driver health-start-interval domainname""".split()
)
_NERDCTL_SWITCHES = frozenset(["rootfs", "insecure-registry"])
_NERDCTL_VALUES = frozenset("cgroup-conf log-address pidfile systemd rdt-class snapshotter umask".split())
_ALIASES = {
    "net": "network", "net-alias": "network-alias", "dns-opt": "dns-option", "healthcheck-command": "health-cmd",
    "healthcheck-interval": "health-interval", "healthcheck-retries": "health-retries",
    "healthcheck-start-period": "health-start-period", "healthcheck-timeout": "health-timeout",
    "override-arch": "arch", "override-os": "os", "override-variant": "variant",
}  # fmt: skip
_TRUTHS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


class Options(EngineSettings):
    """The options of a run line, and the arguments after them."""

    #: The image, and the arguments after it.
    rest: list[str] = field(default_factory=list)
    #: Names of expansions whose values may be options.
    unknown: list[str] = field(default_factory=list)


def is_run_option(word: str) -> bool:
    """Whether ``word`` is an option of ``docker run`` (``-p``, ``--gpus=all``)."""
    name = word.lstrip("-").partition("=")[0]
    return name in _SWITCHES | _VALUES if word.startswith("--") else word[1:2] in _SHORT


def read_options(words: list[str], text: ShellText, program: str, verb: str) -> Options:
    """Returns the options in ``words``, which follow ``run`` or ``create``. Raises DocumentError for an option that
    the program refuses."""
    switches, valued = _known_options(program, verb)
    options = Options()
    rest = iter(range(len(words)))
    for at in rest:
        word = words[at]
        if text.is_bare(word) and _stands_for_options(words[at + 1 : at + 2], text, switches | valued):
            options.unknown.append(text.show(word))
            continue
        if word == "--" or not word.startswith("-") or word == "-":
            options.rest = words[at + (word == "--") :]
            break
        for written, name, value in _named(word, text, switches, valued, program):
            if name in valued:
                following = value if value is not None else words[next(rest, len(words)) :][:1]
                if following == []:
                    raise DocumentError(
                        f"The option {written} has no value; {program} would refuse the line."
                    )
                options.values.setdefault(name, []).append(
                    following if isinstance(following, str) else following[0]
                )
            elif not name or text.unknown(value or ""):
                options.unknown.append(text.show(value or ""))
            elif value is not None and value not in _TRUTHS:
                raise DocumentError(f'--{name} is true or false, not "{for_message(value)}".')
            else:
                options.switches[name] = value is None or _TRUTHS[value]
    return options


def _named(
    word: str, text: ShellText, switches: frozenset[str], valued: frozenset[str], program: str
) -> Iterator[tuple[str, str, str | None]]:
    """Yields the options of one word: how each is written, its name (empty for an expansion) and its value, if the
    word has it."""
    name, equals, value = word[2:].partition("=")
    if word.startswith("--"):
        name = _ALIASES.get(name, name)
        if text.unknown(name):
            yield "", "", name
        elif name in switches | valued:
            yield f"--{name}", name, value if equals else None
        else:
            raise DocumentError(_unknown_option(name, program, switches | valued))
        return
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        name = _SHORT.get(letter, "")
        if name in valued or (name in switches and letters.startswith("=")):
            yield f"-{letter}", name, letters.removeprefix("=") or None
            return
        if name not in switches:
            more = " Long options have two dashes." if len(letters) > 2 else ""
            raise DocumentError(
                f"{program} has no option -{for_message(letter)}; it would refuse the line.{more}"
            )
        yield f"-{letter}", name, None


def _unknown_option(name: str, program: str, known: frozenset[str]) -> str:
    if program == "nerdctl":
        return f"The option --{for_message(name)} of nerdctl is not known here."
    similar = similar_names(name, known, 1, 0.7) if len(name) < 60 else []
    hint = f" Did you mean --{similar[0]}?" if similar else ""
    return f"{program} has no option --{for_message(name)}; it would refuse the line.{hint}"


def _stands_for_options(following: list[str], text: ShellText, known: frozenset[str]) -> bool:
    """Whether the value of an expansion is probably options and not the image: the next word is an option of this
    program, or is more similar to an image."""
    if not following:
        return False
    word = following[0]
    if text.is_bare(word):
        return True
    name = word.lstrip("-").partition("=")[0]
    if word.startswith("--"):
        return _ALIASES.get(name, name) in known
    if word.startswith("-"):
        return word[1:2] in _SHORT
    return any(mark in word for mark in ("/", ":", "model_server", "ovms"))


def _known_options(program: str, verb: str) -> tuple[frozenset[str], frozenset[str]]:
    """Returns the program's options without and with a value."""
    switches, valued = _SWITCHES, _VALUES
    if program == "podman":
        return switches - _NOT_PODMAN | _PODMAN_SWITCHES, valued - _NOT_PODMAN | _PODMAN_VALUES
    if verb == "create":
        switches, valued = switches - {"detach", "sig-proxy"}, valued - {"detach-keys"}
    if program == "nerdctl":
        return switches | _NERDCTL_SWITCHES, valued | _NERDCTL_VALUES
    return switches, valued
