"""Small seeded checkpoints, written once a session; a test that damages one works on a copy."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# What a machine has must not reach the tests. Before the libraries that read these are imported:
_OTHERS = "RANKLADDER_", "HF_", "HUGGINGFACE_", "SENTENCE_TRANSFORMERS_", "TRANSFORMERS_"
for name in [*os.environ]:
    if (name.startswith(_OTHERS) and name != "RANKLADDER_MINILM") or name.endswith("_API_KEY"):
        del os.environ[name]
for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "NO_COLOR", "FORCE_COLOR"):
    os.environ.pop(name, None)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="rankladder-hub-")
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
atexit.register(shutil.rmtree, os.environ["HF_HOME"], ignore_errors=True)

settings.register_profile(
    "anywhere",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("anywhere")


def pytest_collection_finish() -> None:
    """Takes what collection imported out of the collector's sight: torch, transformers, mteb and datasets are so many
    objects that a look at all of them takes 0.75 s, and each training, and each teacher that is let go, asks for one.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Graphs and indexes of a test run go to a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RANKLADDER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def one_torch_thread() -> Iterator[None]:
    """Tiny networks gain nothing by more threads, which on a loaded machine wait for each other: 25 times slower."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def ettin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny reranker in the Ettin rerankers' format."""
    from checkpoints import write_ettin

    return write_ettin(tmp_path_factory.mktemp("models") / "ettin")


@pytest.fixture(scope="session")
def modernbert_cls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ModernBertForSequenceClassification that pools the first token."""
    from checkpoints import write_modernbert_classifier

    return write_modernbert_classifier(tmp_path_factory.mktemp("models") / "modernbert-cls")


@pytest.fixture(scope="session")
def modernbert_mean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ModernBertForSequenceClassification that pools by mean, with a bias in its head."""
    from checkpoints import write_modernbert_classifier

    folder = tmp_path_factory.mktemp("models") / "modernbert-mean"
    return write_modernbert_classifier(folder, pooling="mean", classifier_bias=True, seed=1)


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BertForSequenceClassification."""
    from checkpoints import write_bert

    return write_bert(tmp_path_factory.mktemp("models") / "bert")
