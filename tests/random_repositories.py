"""Random model repositories that a server serves completely, and single mistakes in one of their models."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from tests.cases_build import MODELS

FIXTURES = Path(__file__).parents[1] / "fixtures" / "models"
_NAMES = [
    "resnet",
    "resnet50-int8",
    "face detection",
    "yolo.v8",
    "größe",
    "3d-unet",
    "v1.2",
    "m",
    "BERT_large",
]
_NUMBERS = [1, 2, 3, 7, 10, 12, 20230101, 20260301]
#: Files and directories that users and tools leave in a repository; the server ignores them.
_BESIDE_MODELS = ["lost+found", ".git", ".ipynb_checkpoints", "@eaDir", "__pycache__"]
_IN_VERSION = ["README.md", "labels.txt", "model.mapping", ".DS_Store", "requirements.txt"]


class RandomModel(Struct, frozen=True):
    """One model of a repository."""

    #: The name of the model and of its directory.
    name: str
    #: Its directory.
    path: Path
    #: The versions that it has.
    versions: tuple[int, ...]

    @property
    def newest(self) -> Path:
        """The directory of the version that is served by default."""
        return self.path / str(max(self.versions))


def build_repository(seed: int, top: Path) -> list[RandomModel]:
    """Builds a healthy repository below ``top``; returns its models in the order of their names."""
    rng = random.Random(seed)
    models = []
    for name in rng.sample(_NAMES, rng.randint(1, 4)):
        versions = tuple(sorted(rng.sample(_NUMBERS, rng.randint(1, 3))))
        for number in versions:
            _FORMATS[rng.choice(sorted(_FORMATS))](top / name / str(number), rng)
            for extra in rng.sample(_IN_VERSION, rng.randint(0, 2)):
                (top / name / str(number) / extra).write_text("text\n")
        models.append(RandomModel(name, top / name, versions))
    for extra in rng.sample(_BESIDE_MODELS, rng.randint(0, 2)):
        (top / extra).mkdir()
        (top / extra / "state.json").write_text("{}")
    return sorted(models, key=lambda model: model.name)


def _ir(version: Path, rng: random.Random) -> None:
    version.mkdir(parents=True)
    source = rng.choice(["fc", "int", "two", "img"])
    name = rng.choice(["model", "saved model", source])
    for suffix in ("xml", "bin"):
        shutil.copyfile(MODELS / f"{source}.{suffix}", version / f"{name}.{suffix}")
    if rng.random() < 0.2 and source == "fc":
        names = {"inputs": {"x": "image"}, "outputs": {"y": "score"}}
        (version / "mapping_config.json").write_text(json.dumps(names))


def _copied(name: str) -> Callable[[Path, random.Random], None]:
    def build(version: Path, rng: random.Random) -> None:
        shutil.copytree(FIXTURES / name / "1", version)

    return build


_FORMATS: dict[str, Callable[[Path, random.Random], None]] = {
    "ir": _ir,
    "onnx": _copied("dense-onnx"),
    "saved_model": _copied("dense-saved-model"),
    "frozen": _copied("dense-frozen"),
    "tflite": _copied("dense-tflite"),
    "paddle": _copied("dense-paddle"),
}


def _main_file(version: Path) -> Path:
    suffixes = (".xml", ".onnx", ".pb", ".tflite", ".pdmodel")
    return next(path for path in sorted(version.iterdir()) if path.suffix in suffixes)


def _empty_version(model: RandomModel) -> None:
    shutil.rmtree(model.newest)
    model.newest.mkdir()


def _truncated(model: RandomModel) -> None:
    path = _main_file(model.newest)
    path.write_bytes(path.read_bytes()[:40])


def _denied(model: RandomModel) -> None:
    _main_file(model.newest).chmod(0o600)


def _denied_version(model: RandomModel) -> None:
    model.newest.chmod(0o700)


def _no_version(model: RandomModel) -> None:
    for number in model.versions:
        (model.path / str(number)).rename(model.path / f"final-{number}")


def _dangling_link(model: RandomModel) -> None:
    path = _main_file(model.newest)
    path.unlink()
    path.symlink_to("gone")


#: Mistakes by name. Each prevents that the newest version of its model is served.
MISTAKES: dict[str, Callable[[RandomModel], None]] = {
    "empty version": _empty_version,
    "truncated": _truncated,
    "denied": _denied,
    "denied version": _denied_version,
    "no version": _no_version,
    "dangling link": _dangling_link,
}
