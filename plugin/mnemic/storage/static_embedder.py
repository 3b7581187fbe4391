"""The default embedder: static token vectors that come with a wheel, so there is nothing to download.

The vectors are WordLlama's (MIT): 32,000 tokens, 256 dimensions. Only the wheel's two data files are used.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from tokenizers import Tokenizer

from mnemic.errors import ModelFailed
from mnemic.protocols import Vectors

_CHUNK = 256
_loading = threading.Lock()

Halves = NDArray[np.float16]


class StaticEmbedder:
    """Implements `mnemic.protocols.Embedder`: the mean of the token vectors. About 40 microseconds for a sentence."""

    id = "wordllama-l2-supercat-256"
    dimensions = 256

    def embed(self, texts: Sequence[str]) -> Vectors:
        tokenizer, table = _load()
        found = np.zeros((len(texts), self.dimensions), np.float32)
        for start in range(0, len(texts), _CHUNK):
            encodings = tokenizer.encode_batch_fast(list(texts[start : start + _CHUNK]), add_special_tokens=False)
            for at, encoding in enumerate(encodings, start):
                if encoding.ids:
                    # The length of the mean does not matter: the sum points the same way.
                    found[at] = np.add.reduce(table[encoding.ids].astype(np.float32), axis=0)
        norms = np.sqrt(np.einsum("ij,ij->i", found, found))[:, None]
        np.divide(found, norms, out=found, where=norms > 0)
        return found

    def words(self) -> list[str]:
        """The words that are one token each, sorted."""
        tokenizer, _ = _load()
        return sorted(token[1:] for token in tokenizer.get_vocab() if token.startswith("▁") and token[1:].isalpha())


def _load() -> tuple[Tokenizer, Halves]:
    with _loading:
        return _read_files()


# Once for all memories of a process: programs open many, or one again and again, and each would hold its own 16 MB.
@lru_cache(maxsize=1)
def _read_files() -> tuple[Tokenizer, Halves]:
    spec = find_spec("wordllama")
    if spec is None or spec.origin is None:
        raise ModelFailed(
            "The package wordllama, which carries the default embedder's vectors, is not installed.",
            hint="Install mnemic again with its dependencies.",
        )
    folder = Path(spec.origin).parent
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
        tensors = safetensors.numpy.load_file(folder / "weights" / "l2_supercat_256.safetensors")
    except Exception as error:
        raise ModelFailed(
            f"The default embedder's files in {folder} cannot be read ({error}).", hint="Install mnemic again."
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    (table,) = tensors.values()
    # As they are in the file: as single floats they would take 16 MB more and 40 ms to load; what is asked for is widened,
    # which costs 8 microseconds a sentence.
    return tokenizer, table
