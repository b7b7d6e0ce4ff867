"""The options that several commands share, and what they are turned into."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

EXIT_OK, EXIT_FINDINGS, EXIT_USAGE, EXIT_INCOMPLETE, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


class TargetKind(str, Enum):
    repository = "repository"
    model = "model"


class LoadLevel(str, Enum):
    none = "none"
    read = "read"
    compile = "compile"


class OutputFormat(str, Enum):
    text = "text"
    json = "json"


class FailOn(str, Enum):
    error = "error"
    warning = "warning"
    info = "info"
    never = "never"


class ApiName(str, Enum):
    kserve = "kserve"
    tfs = "tfs"
    openai = "openai"


class SchemaName(str, Enum):
    report = "report"
    facts = "facts"


Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...",
        help="A repository, a model's directory, a model file or a config.json; in a store "
        "s3://bucket/path or gs://bucket/path. "
        "Or name none, and give the server's own arguments behind --.",
        show_default=False,
    ),
]
As = Annotated[
    TargetKind | None, typer.Option("--as", help="How a directory is understood.", show_default=False)
]
OvmsVersion = Annotated[
    str | None,
    typer.Option("--ovms-version", metavar="RELEASE", help="The release whose rules are used, like 2025.4."),
]
UserOption = Annotated[
    str | None,
    typer.Option(
        "--user", metavar="UID[:GID[,GID…]]", help="Who the server runs as. [as in the image: 5000]"
    ),
]
BareMetal = Annotated[
    bool, typer.Option("--bare-metal", help="The server runs on this host, not in a container.")
]
MountOption = Annotated[
    list[str] | None,
    typer.Option("--mount", metavar="HOST:SERVER[:ro]", help="Maps a path of this host to the server's."),
]
ContainerOption = Annotated[
    str | None,
    typer.Option("--container", metavar="NAME", help="A container, alive or dead, as the engine knows it."),
]
Inspect = Annotated[
    str | None,
    typer.Option("--inspect", metavar="FILE", help="What `docker inspect` said of it; - for standard input."),
]
DockerRun = Annotated[
    str | None, typer.Option("--docker-run", metavar="LINE", help="The `docker run` line, as one argument.")
]
Compose = Annotated[
    str | None, typer.Option("--compose", metavar="FILE[:SERVICE]", help="A service of a compose file.")
]
Kubernetes = Annotated[
    str | None,
    typer.Option(
        "--kubernetes",
        metavar="FILE[:CONTAINER]",
        help="A pod, deployment or KServe manifest, YAML or JSON; - for input.",
    ),
]
KernelLog = Annotated[
    str | None,
    typer.Option("--kernel-log", metavar="FILE", help="The host's kernel log, to look for OOM kills in it."),
]
Memory = Annotated[
    str | None,
    typer.Option("--memory", metavar="SIZE", help="The limit the server runs under, like 2g or 512m."),
]
CacheDir = Annotated[
    str | None, typer.Option("--cache-dir", metavar="PATH", help="As the server's own, beside a TARGET.")
]
CpuExtension = Annotated[
    str | None,
    typer.Option(
        "--cpu-extension",
        metavar="PATH",
        help="As the server's own, beside a TARGET; it is loaded in a child, which runs its code.",
    ),
]
TargetDevice = Annotated[
    str | None,
    typer.Option("--target-device", metavar="DEVICE", help="As the server's own, for every model."),
]
ProbeWrite = Annotated[
    bool,
    typer.Option("--probe-write", help="Try the cache directory with a file, made and removed again."),
]
Policy = Annotated[
    str | None,
    typer.Option("--model-version-policy", metavar="JSON", help="As the server's own, for every model."),
]
Load = Annotated[
    LoadLevel, typer.Option("--load", help="How far OpenVINO is asked to load each version, in a child.")
]
DownloadLimit = Annotated[
    str | None,
    typer.Option(
        "--download-limit",
        metavar="SIZE",
        help="How much of one version in a store is downloaded to be loaded here; 0: no limit. [1g]",
    ),
]
Timeout = Annotated[
    float,
    typer.Option(
        "--timeout", metavar="SECONDS", min=0.1, help="Limit for one look at the file system or a store."
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        metavar="N",
        min=1,
        help="How many models are inspected and loaded at a time. [as many as cores and memory allow]",
    ),
]
Env = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME=VALUE", help="A variable of the server's environment."),
]
EnvFile = Annotated[
    str | None,
    typer.Option("--env-file", metavar="FILE", help="Such variables, one in a line, as docker reads them."),
]
EnvFromProcess = Annotated[
    bool, typer.Option("--env-from-process", help="The server has this process's own environment.")
]
CheckTimeout = Annotated[
    float,
    typer.Option("--check-timeout", metavar="SECONDS", min=0.1, help="Limit for each third-party check."),
]
NoPlugins = Annotated[bool, typer.Option("--no-plugins", help="Leave out all third-party checks.")]
Select = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="CODE", help="Only these: code prefixes, names, checks."),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="CODE", help="All but these: code prefixes, names, checks."),
]
Format = Annotated[OutputFormat, typer.Option("--format", "-f", help="How the result is written.")]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to FILE instead of standard output."),
]
FailOnOption = Annotated[
    FailOn, typer.Option("--fail-on", help="The least severe finding that makes the exit code 1.")
]
