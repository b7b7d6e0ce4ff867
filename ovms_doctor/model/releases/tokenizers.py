"""The operations of libopenvino_tokenizers, which OVMS adds by itself since v2024.5 (modelmanager.cpp).

Its absence is only a warning in the server's log; the images contain it. Source: the names that the library of
openvino-tokenizers 2026.4.1 registers.
"""

from __future__ import annotations

from ovms_doctor.model.releases.release import Release

TOKENIZER_OPERATIONS = frozenset(
    """AsString BPETokenizer BytesToChars CaseFold CharsMapNormalization CharsToBytes CombineSegments
    ContribStringJoin ContribStringSplit EqualStr FuzeRagged NormalizeUnicode NumericToString
    RaggedTensorPack RaggedToDense RaggedToRagged RaggedToSparse RegexNormalization RegexSplit
    SentencepieceDetokenizer SentencepieceStreamDetokenizer SentencepieceTokenizer SpecialTokensSplit
    StringTensorPack StringTensorUnpack StringToHashBucket TrieTokenizer Truncate UTF8Validate
    UnigramTokenizer VocabDecoder VocabEncoder WordpieceTokenizer""".split()
)


def includes_tokenizers(release: Release) -> bool:
    """Whether the server adds the tokenizers' library to OpenVINO at every start."""
    return release.at_least(2024, 5)
