"""The options of ``docker run`` and ``create`` (28), ``podman run`` (5) and ``nerdctl run``, read as pflag reads them.

Options end at the first word that is none: the image. Short ones may be bundled, the last of a bundle may have its
value attached; a switch takes a value only with an equals sign.
"""

from __future__ import annotations

import difflib

from msgspec import Struct, field

from ovms_doctor.inputs import DocumentError
from ovms_doctor.inputs.run_line.shell import Shell
from ovms_doctor.inputs.values import shown

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
#: Those of Docker that Podman has not.
_NOT_PODMAN = frozenset(
    """cpu-count cpu-percent io-maxbandwidth io-maxiops isolation link link-local-ip runtime storage-opt
    use-api-socket volume-driver health-start-interval domainname""".split()
)
_NERDCTL_SWITCHES = frozenset(["rootfs", "insecure-registry"])
_NERDCTL_VALUES = frozenset(
    """blkio-weight-device cgroup-conf cosign-certificate-identity cosign-certificate-oidc-issuer cosign-key
    ipfs-address log-address pidfile systemd verify rdt-class snapshotter umask cosign-certificate-identity-regexp
    cosign-certificate-oidc-issuer-regexp""".split()
)
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


class Options(Struct):
    """``values``: of each option, without its dashes, all values in the order given; ``switches``; ``rest``: the
    image, and the words after it. ``unknown``: names of expansions that may add options of their own."""

    values: dict[str, list[str]] = field(default_factory=dict)
    switches: dict[str, bool] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def last(self, name: str) -> str | None:
        """The value that counts of an option that is taken once."""
        given = self.values.get(name)
        return given[-1] if given else None

    def all(self, name: str) -> list[str]:
        """The values of an option that may be repeated."""
        return self.values.get(name, [])


def read_options(words: list[str], shell: Shell, program: str, verb: str) -> Options:
    """The options in ``words``, which follow ``run`` or ``create``; NotRead for one that the program refuses."""
    reader = _Reader(words, shell, program, verb)
    reader.read()
    return reader.options


class _Reader:
    def __init__(self, words: list[str], shell: Shell, program: str, verb: str) -> None:
        self.words, self.shell, self.program = words, shell, program
        self.at = 0
        self.options = Options()
        self.switches, self.valued = _known(program)
        if verb == "create" and program != "podman":
            self.switches = self.switches - {"detach", "sig-proxy"}
            self.valued = self.valued - {"detach-keys"}

    def read(self) -> None:
        while self.at < len(self.words):
            word = self.words[self.at]
            if self.shell.is_bare(word) and self.adds_options():
                self.options.unknown.append(self.shell.show(word))
                self.at += 1
            elif word == "--":
                self.at += 1
                break
            elif not word.startswith("-") or word == "-":
                break
            else:
                self.at += 1
                if word.startswith("--"):
                    self.long(word[2:])
                else:
                    self.bundle(word[1:])
        self.options.rest = self.words[self.at :]

    def adds_options(self) -> bool:
        """Whether an expansion stands for options rather than for the image: what follows is an option of this
        program, or looks more like the image."""
        if self.at + 1 >= len(self.words):
            return False
        following = self.words[self.at + 1]
        if self.shell.is_bare(following):
            return True
        name = following.lstrip("-").partition("=")[0]
        if following.startswith("--"):
            return _ALIASES.get(name, name) in self.switches | self.valued
        if following.startswith("-"):
            return following[1:2] in _SHORT
        return any(mark in following for mark in ("/", ":", "model_server", "ovms"))

    def long(self, text: str) -> None:
        name, equals, value = text.partition("=")
        if self.shell.unknown(name):
            self.options.unknown.append(self.shell.show(name))
            return
        name = _ALIASES.get(name, name)
        if name in self.switches:
            self.switch(name, value if equals else "true")
        elif name in self.valued:
            self.value(name, value if equals else None, f"--{name}")
        else:
            near = (
                difflib.get_close_matches(name, self.switches | self.valued, 1, 0.7) if len(name) < 60 else []
            )
            hint = f" Did you mean --{near[0]}?" if near else ""
            raise DocumentError(
                f"{self.program} knows no option --{shown(name)}; it would refuse the line.{hint}"
            )

    def bundle(self, text: str) -> None:
        while text:
            letter, text = text[0], text[1:]
            name = _SHORT.get(letter)
            if name is None or name not in self.switches | self.valued:
                raise DocumentError(
                    f"{self.program} knows no option -{shown(letter)}; it would refuse the line."
                    + (" Long options have two dashes." if len(text) > 2 else "")
                )
            if name in self.switches:
                if text.startswith("="):
                    self.switch(name, text[1:])
                    return
                self.switch(name, "true")
            else:
                value = text[1:] if len(text) > 1 and text.startswith("=") else text
                self.value(name, value or None, f"-{letter}")
                return

    def switch(self, name: str, text: str) -> None:
        if self.shell.unknown(text):
            self.options.unknown.append(self.shell.show(text))
        elif text not in _TRUTHS:
            raise DocumentError(f'--{name} is true or false, not "{shown(text)}".')
        else:
            self.options.switches[name] = _TRUTHS[text]

    def value(self, name: str, text: str | None, written: str) -> None:
        if text is None:
            if self.at >= len(self.words):
                raise DocumentError(
                    f"The option {written} has no value; {self.program} would refuse the line."
                )
            text = self.words[self.at]
            self.at += 1
        self.options.values.setdefault(name, []).append(text)


def _known(program: str) -> tuple[frozenset[str], frozenset[str]]:
    if program == "podman":
        return _SWITCHES - _NOT_PODMAN | _PODMAN_SWITCHES, _VALUES - _NOT_PODMAN | _PODMAN_VALUES
    if program == "nerdctl":
        return _SWITCHES | _NERDCTL_SWITCHES, _VALUES | _NERDCTL_VALUES
    return _SWITCHES, _VALUES
