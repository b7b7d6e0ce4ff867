"""The words that are not replaced: those of OVMS, OpenVINO and this program, which identify nobody."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from ovms_doctor.model.pattern import lazy_pattern

#: Spaces and marks of other scripts that separate words.
SPACES = "\x80-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff"
#: A character of a name without a path: letters of all scripts and their marks, bytes that are not UTF-8, digits, and
#: ``_.+@-``.
NAME_CHARACTER = rf"[^\x00-\x2a,/:-?\[-^`{{-\x7f{SPACES}]"
#: Kept also in the names of hosts, users, paths, models and buckets, in addition to the files and directories of the
#: rules: names with a meaning for the server, an engine or a store, and names that identify nobody.
_IN_NAMES = """
    py weekly nightly main gz
    v ver version versions rev revision release latest current model models modelserver server serving ovms
    openvino intel openvinotoolkit toolkit gpu npu cpu ubuntu redhat rhel ubi repository repositories repo
    config configs cache caches tmp temp data weights labels variables assets keras metadata tokenizer
    tokenizers detokenizer vocab merges special tokens added map preprocessor processor generation chat
    template adapter lora safetensors index embed embedding embeddings rerank reranker unet vae text image
    vision language encoder decoder scheduler feature extractor transformer safety checker resampler merger
    projector audio past init stateful graph subconfig mapping saved frozen int4 int8 fp16 fp32 bf16 ov npuw
    onnx ir localhost localdomain local internal svc cluster corp lan home arpa com net org io ai dev cloud
    docker hub quay ghcr gcr registry amazonaws aws s3 ec2 fips dualstack accesspoint minio googleapis storage
    googlecloud google blob core windows azure azurewebsites dfs host bridge none default container service
    pod ns east west north south northeast northwest southeast southwest central gov us eu ap ca sa af me il
    root nobody daemon user users group video render library credentials gcloud application kube kubernetes
    kubelet pods volumes secret configmap empty dir emptydir projected token namespace serviceaccount crt
    kubepods burstable besteffort slice scope libpod crio cri containerd system overlay overlay2 merged diff
    work containers snapshots snapshotter http https grpc rest tcp udp unix file gs azfs az abfs abfss hf
    infer predict metrics ready live health load unload stats request response completions images generations
    edits speech transcriptions translations responses reload classify regress explain srv opt etc var usr lib
    lib64 bin sbin share run mnt media proc sys shm dri accel dxg vfio fuse null renderd card volume1 lost
    found eadir recycle snapshot git github huggingface xethub lfs optimum wsl mounts mount true false yes no
    on off
"""
#: Names in examples that this program prints.
_EXAMPLES = frozenset({"acme", "resnet", "yolo"})
#: Names of files and directories in this program's texts.
_FILE_NAME = lazy_pattern(
    r"\$?\.?[\w.{}/*+@#-]*\.(?:xml|bin|json|pbtxt|onnx|pdmodel|pdiparams|pb|tflite|gguf|safetensors|jinja|txt|model|so"
    r"|pt|pth|h5|blob|index|lfswip|yaml|yml|md)[.*]*|(?:\.[a-z0-9]{1,12})+|~?/[\w./+@$#-]+"
)
_ADDRESS = lazy_pattern(r"https?://[\w./-]+")
#: The words of a text.
WORD = lazy_pattern(r"[A-Za-z][A-Za-z0-9]*")
LETTERS = lazy_pattern(r"[A-Za-z]+")
#: A name of several words.
COMPOUND = lazy_pattern(f"{NAME_CHARACTER}+")


class KeptWords(Struct, frozen=True):
    """The words that are kept.

    * ``words``: those in this program's texts, in small letters: a rule can compare with no other.
    * ``names``: those of them that are kept in names too.
    * ``compounds``: names of several words in this program's texts, such as ``text_generation``.
    """

    words: frozenset[str]
    names: frozenset[str]
    compounds: frozenset[str]

    @staticmethod
    def of(texts: Iterable[str]) -> KeptWords:
        """Returns the known words, from this program's texts."""
        words: set[str] = set()
        names = set(_IN_NAMES.split())
        compounds: set[str] = set()
        for text in texts:
            words.update(part.lower() for part in _parts(text))
            compounds.update(part for part in COMPOUND.findall(text) if not part.isalpha())
            if len(text) < 100 and _FILE_NAME.fullmatch(text):
                names.update(part.lower() for part in _parts(text))
            for address in _ADDRESS.findall(text):
                names.update(part.lower() for part in _parts(address))
        words |= names
        words -= _EXAMPLES
        return KeptWords(frozenset(words), frozenset(names), frozenset(compounds))


def _parts(text: str) -> Iterable[str]:
    for word in WORD.findall(text):
        yield word
        if not word.isalpha():
            yield from LETTERS.findall(word)


def capital_parts(word: str) -> list[str]:
    """Returns the parts of a word, each of which begins with a capital: ``Stable``, ``Diffusion``, ``Pipeline``."""
    return re.split("(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", word)
