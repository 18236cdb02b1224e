"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from rankladder.paths import checked_path
from rankladder.textfiles import FORMS, ReadAs
from rankladder.textfiles.forms import Kind

if TYPE_CHECKING:
    from rankladder.evaluate import Dataset
    from rankladder.rerank import Reranker
    from rankladder.textfiles import Selection


class GivenPath(click.Path):
    """A path, refused by its name where none can be written so: a text that is given by mistake is one."""

    def __init__(self, **limits: bool) -> None:
        super().__init__(path_type=Path, **limits)

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """See click. Raises BadOption and PathMissing."""
        name = "path" if parameter is None else parameter.human_readable_name
        checked_path(f"--{name}" if isinstance(parameter, click.Option) else name, value)
        return super().convert(value, parameter, context)


MODEL_OPTIONS = ("model", "engine", "device", "dtype", "max_tokens", "long", "threads", "offline")
F = TypeVar("F", bound=Callable[..., Any])
long_option = click.option(
    "--long",
    type=click.Choice(["truncate", "passages"]),
    default="truncate",
    show_default=True,
    help="A document longer than the model reads is cut, or scored as overlapping passages (the best counts).",
)
offline_option = click.option(
    "--offline", is_flag=True, default=None, help="Never touch the network, not even for a model."
)
store_option = click.option("--store", type=GivenPath(), help="Where scores are kept.  [default: the user's cache]")


def _complete_model(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from rankladder.catalogue import all_models

    return [CompletionItem(model.name) for model in all_models() if model.name.startswith(incomplete)]


def model_options(command: F) -> F:
    """Adds the options of ``MODEL_OPTIONS``."""
    for option in (
        offline_option,
        click.option(
            "--threads",
            type=click.IntRange(1),
            help="Documents to score at once. Texts are tokenised on all cores, except with 1.  [default: usable "
            "cores]",
        ),
        long_option,
        click.option(
            "--max-tokens",
            type=click.IntRange(1),
            help="Longest sequence to read, query and document together (for a hosted model: the document alone).",
        ),
        click.option(
            "--dtype",
            type=click.Choice(["auto", "fp32", "int8", "bf16", "fp16"]),
            default="auto",
            show_default=True,
            help="auto takes int8 where a measurement recorded with the model allows it; bf16 and fp16 need torch.",
        ),
        click.option("--device", help="cuda, mps or cpu, for the engines on torch.  [default: the first available]"),
        click.option(
            "--engine",
            type=click.Choice(["auto", "onnx", "torch", "sentence-transformers"]),
            default="auto",
            show_default=True,
            help="onnx runs on the CPU; torch (extra torch) runs on a GPU; sentence-transformers (an extra too) runs "
            "the other architectures; for those auto takes it instead of onnx.",
        ),
        click.option(
            "--model",
            default="box",
            show_default=True,
            envvar="RANKLADDER_MODEL",
            show_envvar=True,
            shell_complete=_complete_model,
            help="A name from `rankladder models`, a hub id (org/name@COMMIT), a folder, or a hosted model (cohere:…).",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class JudgedData:
    """What the options of ``judged_options`` say, beside a DATA argument."""

    split: str | None
    documents: Path | None
    topics: Path | None
    qrels: Path | None
    field: str | None
    grade_scale: int
    queries: int | None
    drop_pairs: Path | None
    keep_same_ids: bool
    read_as: ReadAs

    def read(self, data: Path | None, select: Selection, language: str | None) -> Dataset:
        """The judged collection, its documents as they are selected. Raises as ``rankladder.evaluate.read_dataset``."""
        from rankladder.evaluate import read_dataset

        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return read_dataset(data, **values, select=select, language=language or "en")


def key_options(command: F) -> F:
    """Adds ``--text-key``, ``--title-key`` and ``--id-key``."""
    for option in (
        click.option("--id-key", metavar="KEY", help="The key or column of a record's id."),
        click.option("--title-key", metavar="KEY", help="The key or column of a record's title."),
        click.option(
            "--text-key",
            metavar="KEY",
            help="The key or column of a record's text; _source.body is a nested key.  [default: the usual names]",
        ),
    ):
        command = option(command)
    return command


def reading_options(command: F) -> F:
    """Adds ``--as`` and ``key_options``; they arrive as one parameter ``read_as``."""

    @click.option(
        "--as",
        "form",
        type=click.Choice(FORMS),
        metavar="FORM",
        help="Form of a file that is named on the command line, or whose name does not show its form: "
        f"{', '.join(FORMS)}.",
    )
    @key_options
    @wraps(command)
    def with_read_as(
        *arguments: Any,
        form: Kind | None,
        text_key: str | None,
        title_key: str | None,
        id_key: str | None,
        **options: Any,
    ) -> Any:
        return command(*arguments, read_as=ReadAs(form, text_key, title_key, id_key), **options)

    return cast("F", with_read_as)


def judged_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say where queries, judgements and documents lie: one ``judged``, a ``JudgedData``."""

    @reading_options
    @wraps(command)
    def packed(**options: Any) -> Any:
        judged = JudgedData(**{field.name: options.pop(field.name) for field in fields(JudgedData)})
        return command(judged=judged, **options)

    path = GivenPath()
    for option in (
        click.option(
            "--keep-same-ids",
            is_flag=True,
            help="Let a document with a query's id be a candidate of that query; by default it is not, as in BEIR.",
        ),
        click.option(
            "--drop-pairs", type=path, help="A file of query and document ids: pairs that are never candidates."
        ),
        click.option("--queries", type=click.IntRange(1), help="Use only this many queries, the first ones."),
        click.option(
            "--grade-scale",
            type=click.IntRange(1),
            default=1,
            show_default=True,
            help="Multiply every grade: 2 for judgements in halves.",
        ),
        click.option(
            "--field", help="Which field of the topics is the query: description, title+description.  [default: title]"
        ),
        click.option("--qrels", type=path, help="The judgements of a TREC collection."),
        click.option("--topics", type=path, help="The queries of a TREC collection."),
        click.option(
            "--documents",
            "--corpus",
            type=path,
            help="The documents for a file of queries, or of a TREC collection: a file or a folder.",
        ),
        click.option("--split", help="Which judgements of a BEIR folder: qrels/SPLIT.tsv.  [default: test]"),
    ):
        packed = option(packed)
    return packed


def given(context: click.Context, *names: str) -> list[str]:
    """The options that are on the command line, as they are written there."""
    typed = (name for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE)
    return [f"--{name.replace('_', '-')}" for name in typed]


def open_model(model: str, **options: Any) -> Reranker:
    """The reranker that the options of ``model_options`` name."""
    from rankladder.rerank import Reranker

    return Reranker.open(model, **options)
