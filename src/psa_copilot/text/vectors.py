"""What a text means, as a short vector: static embeddings from wordllama, where it is installed.

There is no wheel of it for every Python and machine. Without it `embed` gives None, and everything here goes by words
alone; `missing()` says so.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 256
Vectors = NDArray[np.float32]


def embed(texts: Sequence[str], dimensions: int = DIMENSIONS) -> Vectors | None:
    """One vector of length 1 for each text, zeros for an empty one; None without wordllama."""
    model = _model()
    if model is None:
        return None
    if not texts:
        return np.zeros((0, dimensions), np.float32)
    vectors = np.nan_to_num(np.asarray(model.embed(list(texts), norm=False), np.float32)[:, :dimensions])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)


def missing() -> str:
    """What is missing, and what that means; empty when nothing is."""
    if _model() is not None:
        return ""
    return "wordllama is not installed for this Python or machine: similarity and choices go by words alone"


@cache
def _model() -> Any:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        import wordllama
    except ImportError:
        return None
    finally:
        # Importing it sets up the root logger; the daemon's logs are its own affair.
        root.handlers[:], root.level = handlers, level
    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
