"""What is compared: one configuration a row, made from models × engines × number formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from rankladder.arguments import checked
from rankladder.checkpoint import Network
from rankladder.cost.files import ModelFiles, find_files
from rankladder.cost.machine import shows_nvidia_gpu
from rankladder.cost.peer import FLASH, flash_runs_here, peer_is_installed
from rankladder.errors import BadInput, BadOption, NotFound, RankladderError
from rankladder.paths import expanded
from rankladder.rerank import ModelRequest
from rankladder.rerank.engine import OFFERED

SHARED = ("max_tokens", "device", "threads", "revision")
"""Options of a request that its Sentence Transformers row has too: rows are only compared where these are equal."""

MAX_TOKENS = 512
"""Where nothing else is asked: what the published tables were taken at."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One model as it is opened: by ``Reranker.open``, or by Sentence Transformers itself (``peer``)."""

    model: str
    """As people call it; of a folder, the last part of its path."""
    name: str
    """What is opened: a name, a hub id or a folder."""
    engine: str
    """onnx, torch, sentence-transformers, or hosted."""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Of ``Reranker.open``, ``engine`` among them where it was asked for; of a peer ``dtype``, ``attention``
    and ``SHARED`` ones.
    """
    peer: bool = False
    network: Network | None = field(default=None, hash=False, repr=False)
    """None where the files are not of a kind that our own engines read."""

    @property
    def dtype(self) -> str:
        """The number format asked for."""
        return str(self.options.get("dtype", "auto"))

    def is_peer_of(self, other: Configuration) -> bool:
        """Whether this is Sentence Transformers on the other's model, opened under the same terms (``SHARED``)."""
        same = all(self.options.get(option) == other.options.get(option) for option in SHARED)
        return self.peer and same and self.model == other.model

    @property
    def attention(self) -> str | None:
        """The attention asked for; None leaves it to the engine."""
        return self.options.get("attention")

    def __str__(self) -> str:
        parts = (self.model, "Sentence Transformers" if self.peer else self.engine, self.dtype, self.attention)
        return ", ".join(part for part in parts if part is not None)

    @classmethod
    def of(cls, request: ModelRequest) -> Configuration:
        """A request unchanged, its files fetched. Raises as ``find_files``."""
        files = find_files(request)
        by_default = {"native": "onnx", "foreign": "sentence-transformers", "hosted": "hosted"}[files.kind]
        engine = request.options.get("engine", "auto")
        engine = by_default if engine == "auto" else engine
        return cls(
            shown_names([request.name])[request.name], request.name, engine, request.options, network=files.network
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """A configuration that could not be measured, and why."""

    configuration: Configuration
    error: RankladderError


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be measured, and what was left out."""

    configurations: tuple[Configuration, ...]
    failures: tuple[Failure, ...]
    """Models whose files were refused, or could not be fetched."""
    notes: tuple[str, ...]
    """What was left out, and why."""


@checked
def plan_grid(
    requests: Sequence[ModelRequest],
    *,
    engines: Sequence[str] = (),
    dtypes: Sequence[str] = (),
    max_tokens: int | None = None,
    length: int | None = None,
    peer: bool = True,
    offline: bool | None = None,
) -> Plan:
    """Every model × engine × number format that exists, each model's Sentence Transformers row first.

    Args:
        requests: The models; what a request says of its engine, number format, … is not varied.
        engines: By default onnx, and torch where it is installed and an NVIDIA GPU is here.
        dtypes: By default ``auto``.
        max_tokens: Longest sequence; by default 512, and never more than the model reads.
        length: Sequences are exactly this long: models that read less are left out.
        peer: Whether Sentence Transformers is measured beside, where it is installed.
        offline: Never touch the network.

    Raises NotFound and BadInput for a model that nobody knows or that is not here; BadOption where a length and a
    longest sequence are both asked for. A model that is refused or cannot be fetched is a Failure, and the others go
    on.
    """
    configurations: list[Configuration] = []
    failures: list[Failure] = []
    notes: list[str] = []
    if peer and not peer_is_installed():
        notes.append("Sentence Transformers is not installed, so it is not measured")
    shown = shown_names([request.name for request in requests])
    for request in requests:
        model = shown[request.name]
        if length is not None and (max_tokens is not None or "max_tokens" in request.options):
            raise BadOption(f"{request.text}: lengths of {length} tokens leave no room for max_tokens", hint="give one")
        try:
            files = find_files(request, offline=offline)
        except (NotFound, BadInput):
            raise
        except RankladderError as error:
            engine = str(request.options.get("engine", "auto"))
            failures.append(Failure(Configuration(model, request.name, engine, request.options), error))
            continue
        if length is not None and (files.max_tokens is None or length > files.max_tokens):
            notes.append(
                f"{model} reads at most {files.max_tokens or 'an unknown number of'} tokens, not {length}; left out"
            )
            continue
        limit = _limit(request, files, max_tokens=max_tokens, length=length)
        rows = list(_rows(model, request, files, engines, dtypes, limit, offline, notes))
        if rows and peer and peer_is_installed() and files.in_cross_encoder:
            configurations += _peers(model, files, rows)
        configurations += rows
    distinct = {
        (configuration.name, configuration.peer, tuple(sorted(configuration.options.items()))): configuration
        for configuration in configurations
    }
    return Plan(tuple(distinct.values()), tuple(failures), tuple(dict.fromkeys(notes)))


def default_engines() -> tuple[str, ...]:
    """onnx, and torch where it is installed and an NVIDIA GPU is here."""
    return ("onnx", "torch") if shows_nvidia_gpu() and find_spec("torch") is not None else ("onnx",)


def shown_names(names: Sequence[str]) -> dict[str, str]:
    """Models' names as they may be shown to others: of a folder, as much of the end of its path as tells it from the
    other folders, which is mostly the last part.
    """
    folders = {name: expanded(name).resolve() for name in names if expanded(name).is_dir()}
    shown = {name: name for name in names}
    for name, path in folders.items():
        ends = (path.parts[-count:] for count in range(1, len(path.parts) + 1))
        others = [other.parts for other in folders.values() if other != path]
        end = next(end for end in ends if all(other[-len(end) :] != end for other in others))
        shown[name] = "/".join(end)
    return shown


def _limit(request: ModelRequest, files: ModelFiles, *, max_tokens: int | None, length: int | None) -> int | None:
    """The longest sequence that a model is opened with; None leaves it to a service."""
    if length is not None:
        return length
    if files.max_tokens is None or "max_tokens" in request.options:
        asked: int | None = request.options.get("max_tokens", max_tokens)
        return asked
    return min(max_tokens or MAX_TOKENS, files.max_tokens)


def _rows(
    model: str,
    request: ModelRequest,
    files: ModelFiles,
    engines: Sequence[str],
    dtypes: Sequence[str],
    limit: int | None,
    offline: bool | None,
    notes: list[str],
) -> Iterator[Configuration]:
    """A model's own rows; what there is not goes to ``notes``."""
    given = dict(request.options)
    if limit is not None:
        given["max_tokens"] = limit
    if offline is not None:
        given.setdefault("offline", offline)
    if files.kind == "hosted":
        if engines or dtypes:
            notes.append(f"{model}: the service decides on engine and number format; it is measured as it is")
        yield Configuration(model, request.name, "hosted", given)
        return
    runs = ("onnx", "torch", "sentence-transformers") if files.kind == "native" else ("sentence-transformers",)
    asked = engines or (default_engines() if files.kind == "native" else runs)
    if given.get("engine", "auto") != "auto":
        asked = (given["engine"],)
    for engine in asked:
        if engine not in runs:
            notes.append(f"{model}: the {engine} engine does not run it; left out")
            continue
        for dtype in [given["dtype"]] if "dtype" in given else dtypes or ("auto",):
            if dtype not in {"auto", *OFFERED[engine]}:
                notes.append(f"{model}: the {engine} engine has no {dtype}; left out")
                continue
            options = {**given, "engine": engine, "dtype": dtype}
            yield Configuration(model, request.name, engine, options, network=files.network)


def _peers(model: str, files: ModelFiles, rows: Sequence[Configuration]) -> list[Configuration]:
    """Sentence Transformers with its defaults, and in each 16-bit format that a row of ours has, for one request's
    rows, on their terms (``SHARED``). Where FlashAttention runs, each 16-bit format has a second row with it: it leaves
    padding out.
    """
    halves = [{"dtype": dtype} for dtype in dict.fromkeys(row.dtype for row in rows if row.dtype in {"bf16", "fp16"})]
    shared = {option: value for option, value in rows[0].options.items() if option in SHARED}
    flash = files.kind == "native" and flash_runs_here(shared.get("device"))
    faster = [{**half, "attention": FLASH} for half in halves] if flash else []
    return [
        Configuration(
            model,
            str(files.folder),
            "sentence-transformers",
            {**shared, **extra},
            peer=True,
            network=files.network,
        )
        for extra in ({}, *halves, *faster)
    ]
