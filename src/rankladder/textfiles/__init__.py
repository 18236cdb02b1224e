"""Text files of the field, read and written: documents, queries, runs and judgements."""

from rankladder.textfiles.beir import BeirFolder, beir_folder
from rankladder.textfiles.bytestream import NotText
from rankladder.textfiles.documents import Documents, read_documents, read_source
from rankladder.textfiles.headerless import HeaderMissing
from rankladder.textfiles.passages import PASSAGE_WORDS
from rankladder.textfiles.queries import read_queries
from rankladder.textfiles.sources import KINDS, Found, SkippedFile, Source, find_sources
from rankladder.textfiles.trec import read_qrels, read_run, write_qrels, write_run
from rankladder.textfiles.writing import write_documents_jsonl

__all__ = [
    "KINDS",
    "PASSAGE_WORDS",
    "BeirFolder",
    "Documents",
    "Found",
    "HeaderMissing",
    "NotText",
    "SkippedFile",
    "Source",
    "beir_folder",
    "find_sources",
    "read_documents",
    "read_qrels",
    "read_queries",
    "read_run",
    "read_source",
    "write_documents_jsonl",
    "write_qrels",
    "write_run",
]
