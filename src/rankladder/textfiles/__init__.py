"""Text files of the field, read and written: documents, queries, runs and judgements."""

from rankladder.textfiles.beir import BeirFolder, beir_folder
from rankladder.textfiles.bytestream import NotText
from rankladder.textfiles.documents import Documents, read_documents, read_source
from rankladder.textfiles.forms import AS_NAMED, FORMS, IN_WORDS, ReadAs
from rankladder.textfiles.headerless import HeaderMissing
from rankladder.textfiles.qrels import read_pairs, read_qrels, write_qrels
from rankladder.textfiles.rulers import PASSAGE_WORDS, Ruler, WordRuler
from rankladder.textfiles.runs import read_run, read_run_file, write_run
from rankladder.textfiles.selection import Selection
from rankladder.textfiles.sniffing import OtherForm
from rankladder.textfiles.sources import Found, Source, find_sources
from rankladder.textfiles.topics import Topics, read_queries, read_topics
from rankladder.textfiles.walking import SkippedFile
from rankladder.textfiles.writing import write_documents_jsonl

__all__ = [
    "AS_NAMED",
    "FORMS",
    "IN_WORDS",
    "PASSAGE_WORDS",
    "BeirFolder",
    "Documents",
    "Found",
    "HeaderMissing",
    "NotText",
    "OtherForm",
    "ReadAs",
    "Ruler",
    "Selection",
    "SkippedFile",
    "Source",
    "Topics",
    "WordRuler",
    "beir_folder",
    "find_sources",
    "read_documents",
    "read_pairs",
    "read_qrels",
    "read_queries",
    "read_run",
    "read_run_file",
    "read_source",
    "read_topics",
    "write_documents_jsonl",
    "write_qrels",
    "write_run",
]
