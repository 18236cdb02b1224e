"""An embedder's folder: which modules it has, and whether all of it can be trusted, before any of it is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rankladder.checkpoint.added_tokens import SETTINGS, TOKENIZER
from rankladder.checkpoint.beside import check_beside
from rankladder.checkpoint.digests import check_digests
from rankladder.checkpoint.hub import Needs
from rankladder.checkpoint.jsonfile import Section, read_json
from rankladder.checkpoint.modular import (
    CROSS_ENCODER,
    MODULES,
    TRANSFORMER_SETTINGS,
    TRANSFORMER_SETTINGS_NAMES,
    read_modules,
)
from rankladder.checkpoint.sizes import read_layers
from rankladder.checkpoint.tensorfile import INDEX, WEIGHTS, StoredTensor, open_part, shard_names
from rankladder.checkpoint.tokenizer_settings import read_limit
from rankladder.checkpoint.tokens import load_tokenizer
from rankladder.errors import BadConfig, CheckpointRefused, UnsafeFile
from rankladder.storage import file_digest

CONFIG = "config.json"
SENTENCE_CONFIG = CROSS_ENCODER  # one name for every kind of Sentence Transformers model
_WEIGHTED = frozenset({"Transformer", "StaticEmbedding", "Dense", "LayerNorm"})
_KINDS = _WEIGHTED | {"Pooling", "Normalize"}
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
"""What Sentence Transformers calls a document's prompt, the first that is there."""


@dataclass(frozen=True, slots=True)
class EmbedderFolder:
    """What lies in an embedder's folder. Prompts are None where the checkpoint has none of its own."""

    path: Path
    modules: tuple[tuple[str, str], ...]
    """Class name and sub-folder of each."""
    tensors: tuple[StoredTensor, ...]
    query_prompt: str | None
    document_prompt: str | None
    digest: str
    """SHA-256 over every file that may decide an embedding."""

    @property
    def is_static(self) -> bool:
        """Whether it looks tokens up and runs no network."""
        return self.modules[0][0] == "StaticEmbedding"


def read_folder(path: Path) -> EmbedderFolder:
    """The embedder in a folder, checked as far as that goes without running it.

    Raises BadConfig for what is no embedder (a reranker, with a hint) or has a module that is not known; UnsafeFile for
    pickled weights and for code in the checkpoint; BadTensor for weights that are missing or damaged.
    """
    settings = _object(path / SENTENCE_CONFIG)
    _expect_an_embedder(path, settings)
    modules = _read_modules(path / MODULES)
    tensors: list[StoredTensor] = []
    for kind, part in modules:
        if kind in _WEIGHTED:
            tensors += open_part(path / part).values()
        if kind == "Transformer":
            _check_transformer(path / part)
        if kind == "Dense":
            _check_dense(path / part / CONFIG)
    query, document = _prompts(path / SENTENCE_CONFIG, settings)
    files = _files(path, modules)
    check_digests(path, files)
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.relative_to(path).as_posix()} {file_digest(file)}\n".encode())
    return EmbedderFolder(path, tuple(modules), tuple(tensors), query, document, total.hexdigest())


def lacking(folder: Path) -> str | None:
    """The first file that an embedder's folder lacks and cannot be read without, None where there is none."""
    if not (folder / MODULES).is_file():
        return MODULES
    try:
        modules = _read_modules(folder / MODULES)
        wanted: list[PurePosixPath] = []
        for kind, part in modules:
            place = PurePosixPath(part)
            if kind not in {"Normalize", "StaticEmbedding"}:
                wanted.append(place / CONFIG)
            if kind in {"Transformer", "StaticEmbedding"}:
                wanted.append(place / TOKENIZER)
            if kind in _WEIGHTED:
                index = folder / part / INDEX
                names = sorted(set(shard_names(index).values())) if index.is_file() else [WEIGHTS]
                wanted += [place / name for name in names]
    except CheckpointRefused:
        return None  # reading it says what is wrong
    return next((str(name) for name in wanted if not (folder / name).is_file()), None)


def _settings(folder: Path) -> list[str]:
    """Prompts and the similarity are in one file; the length limit and the tokenizer in the others."""
    return [SENTENCE_CONFIG, *((SETTINGS, TRANSFORMER_SETTINGS) if (folder / CONFIG).is_file() else ())]


NEEDS = Needs(MODULES, lacking, _settings)


def _expect_an_embedder(path: Path, settings: Mapping[str, object]) -> None:
    kind = settings.get("model_type", "SentenceTransformer")
    config = _object(path / CONFIG)
    names = config.get("architectures")
    classifies = isinstance(names, list) and any(str(name).endswith("ForSequenceClassification") for name in names)
    if kind == "CrossEncoder" or (classifies and not (path / MODULES).is_file()):
        raise BadConfig(f"{path}: expected an embedder, found a reranker", hint="use it as the reranker: --model")
    if kind != "SentenceTransformer":
        raise BadConfig(f"{path / SENTENCE_CONFIG}: expected a SentenceTransformer, found a {kind}")
    if not (path / MODULES).is_file():
        raise BadConfig(
            f"{path}: no {MODULES}: expected a Sentence Transformers model, which defines how tokens become one vector",
            hint="save it with Sentence Transformers: SentenceTransformer(modules=[…]).save_pretrained(folder)",
        )


def _read_modules(path: Path) -> list[tuple[str, str]]:
    modules = read_modules(path)
    if unknown := next((kind for kind, _ in modules if kind not in _KINDS), None):
        raise BadConfig(f"{path}: expected modules among {', '.join(sorted(_KINDS))}, found {unknown}")
    if modules[0][0] not in {"Transformer", "StaticEmbedding"}:
        raise BadConfig(f"{path}: expected Transformer or StaticEmbedding first, found {modules[0][0]}")
    return modules


def _check_transformer(folder: Path) -> None:
    """Refuses an adapter, more layers than the files hold, and lengths that differ between queries and documents."""
    check_beside(folder)
    config = Section(folder / CONFIG, _object(folder / CONFIG))
    for key in ("num_hidden_layers", "n_layers", "num_layers"):
        if key in config:
            read_layers(config, key, tensors=0)
    for name in TRANSFORMER_SETTINGS_NAMES:
        if (folder / name).is_file():
            settings = Section.read(folder / name)
            for key in ("query_length", "document_length", "query_expansion"):
                settings.expect(key, None, why="here queries and documents are read up to the same length")
            if settings.value("max_seq_length") is not None:
                settings.integer("max_seq_length")
    if (folder / SETTINGS).is_file():
        read_limit(Section.read(folder / SETTINGS))


def check_tokenizer(folder: EmbedderFolder, rows: int) -> None:
    """Refuses a tokenizer with a token that has no row in the embedding: BadConfig."""
    path = folder.path / folder.modules[0][1] / TOKENIZER
    tokenizer, _, _ = load_tokenizer(path, rows=rows)
    last = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if not 0 <= last < rows:
        raise BadConfig(
            f"{path}: expected token ids below {rows}, the rows of the embedding, found {last}",
            hint="the tokenizer belongs to another model",
        )


def _check_dense(path: Path) -> None:
    activation = _object(path).get("activation_function", "torch.nn.modules.linear.Identity")
    if not str(activation).startswith("torch.nn."):
        raise UnsafeFile(f"{path}: the activation function is {activation!r}, expected one of torch.nn")


def _prompts(path: Path, settings: Mapping[str, object]) -> tuple[str | None, str | None]:
    """The checkpoint's own prompts. A default prompt that neither side would get is refused: it would be dropped."""
    prompts = settings.get("prompts") or {}
    if not isinstance(prompts, dict) or not all(isinstance(prompt, str) for prompt in prompts.values()):
        raise BadConfig(f"{path}: prompts: expected an object of texts, found {prompts!r}")
    query = prompts.get("query") or None
    document = next((prompts[name] for name in _DOCUMENT_PROMPTS if prompts.get(name)), None)
    default = settings.get("default_prompt_name")
    if default is not None and (
        not isinstance(default, str) or prompts.get(default) not in {None, "", query, document}
    ):
        raise BadConfig(
            f"{path}: the default prompt is {default!r}, which is neither for queries nor for documents",
            hint="name the prompts query and document in that file",
        )
    return query, document


def _files(path: Path, modules: list[tuple[str, str]]) -> list[Path]:
    """Every config, tokenizer and weights file of the modules' folders."""
    folders = {path, *(path / part for _, part in modules)}
    suffixes = {".json", ".jinja", ".safetensors", ".txt"}
    found = (file for folder in folders if folder.is_dir() for file in folder.iterdir())
    return sorted(file for file in found if file.suffix in suffixes and file.is_file() and file.name != "digests.json")


def _object(path: Path) -> Mapping[str, object]:
    """The object in a JSON file, empty where there is no such file."""
    if not path.is_file():
        return {}
    values = read_json(path)
    if not isinstance(values, dict):
        raise BadConfig(f"{path}: expected a JSON object")
    return values
