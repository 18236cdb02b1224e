"""A name finds its files: the box, a folder, the local cache, then the hub; each failure says what to do next."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import huggingface_hub
import pytest
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from checkpoints import copied
from rankladder.catalogue import find_model
from rankladder.checkpoint import UnpinnedRevision, is_local, open_checkpoint
from rankladder.checkpoint.hub import cached_folder
from rankladder.errors import BadOption, CheckpointRefused, ModelMissing, PathMissing, StorageFailed, Unavailable

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """A stand-in for snapshot_download, over a real cache folder that starts empty: it answers, or fails."""

    def __init__(self, model: Path, cache: Path) -> None:
        self.model, self.cache = model, cache
        self.failure: Exception | None = None
        self.calls: list[dict[str, Any]] = []
        self.asked: list[str] = []

    def __call__(self, repo: str, *, revision: str | None = None, **options: Any) -> str:
        self.calls.append({"repo": repo, "revision": revision, **options})
        if self.failure:
            raise self.failure
        return str(self.store(repo, revision))

    def ask(self, repo: str, name: str, *, revision: str) -> str:
        """A stand-in for hf_hub_download: gives a file, or notes in the cache that there is none, or fails."""
        self.asked.append(name)
        if self.failure:
            raise self.failure
        if (self.model / name).is_file():
            return str(shutil.copyfile(self.model / name, self.store(repo, revision) / name))
        absent = self.cache / f"models--{repo.replace('/', '--')}" / ".no_exist" / revision / name
        absent.parent.mkdir(parents=True, exist_ok=True)
        absent.touch()
        raise http(EntryNotFoundError)

    def store(self, repo: str, revision: str | None) -> Path:
        """Puts the model into the cache, as the hub's client lays it out."""
        storage = self.cache / f"models--{repo.replace('/', '--')}"
        commit = revision if revision and len(revision) == 40 else COMMIT
        (storage / "refs").mkdir(parents=True, exist_ok=True)
        (storage / "refs" / (revision or "main")).write_text(commit)
        shutil.copytree(self.model, storage / "snapshots" / commit, dirs_exist_ok=True)
        return storage / "snapshots" / commit


@pytest.fixture
def hub(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub(bert, tmp_path / "cache")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub.ask)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(hub.cache))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    return hub


def http(kind: type[HfHubHTTPError]) -> Exception:
    """An error of the hub's, made without a response (its constructor differs between versions)."""
    error = kind.__new__(kind)
    Exception.__init__(error, "401 Client Error")
    return error


def test_a_catalogue_name_is_its_pinned_commit(hub: Hub) -> None:
    checkpoint = open_checkpoint("ettin-17m")
    model = find_model("ettin-17m")
    assert hub.calls[-1]["repo"] == model.hub_id
    assert checkpoint.revision == hub.calls[-1]["revision"] == model.revision
    assert checkpoint.name == "ettin-17m"


def test_a_known_hub_id_is_its_pinned_commit_too(hub: Hub) -> None:
    assert open_checkpoint("cross-encoder/ms-marco-MiniLM-L6-v2").revision == find_model("minilm-l6").revision


def test_a_cached_model_leaves_the_network_alone(hub: Hub) -> None:
    open_checkpoint(f"org/name@{COMMIT}")
    assert len(hub.calls) == 1
    open_checkpoint(f"org/name@{COMMIT}")
    open_checkpoint("org/name", revision=COMMIT, offline=True)
    with pytest.warns(UnpinnedRevision):
        open_checkpoint("org/name")
    assert len(hub.calls) == 2, "only the name of a branch that was never looked up is asked for"
    with pytest.warns(UnpinnedRevision):
        open_checkpoint("org/name", offline=True)
    assert len(hub.calls) == 2


@pytest.mark.parametrize("gone", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_model_that_is_cached_in_part_is_fetched(hub: Hub, gone: str) -> None:
    (hub.store("org/name", COMMIT) / gone).unlink()
    with pytest.raises(ModelMissing, match="fetching is off"):
        open_checkpoint(f"org/name@{COMMIT}", offline=True)
    open_checkpoint(f"org/name@{COMMIT}")
    assert len(hub.calls) == 1


@pytest.mark.parametrize("gone", ["2_Dense/model.safetensors", "1_Pooling/config.json", "3_LayerNorm/config.json"])
def test_a_modular_model_that_is_cached_in_part_is_fetched(hub: Hub, ettin: Path, gone: str) -> None:
    hub.model = ettin
    (hub.store("org/name", COMMIT) / gone).unlink()
    open_checkpoint(f"org/name@{COMMIT}")
    assert len(hub.calls) == 1


def test_a_refusal_of_cached_files_is_not_a_reason_to_fetch(hub: Hub) -> None:
    """A classifier's config says that nothing is missing, so what is wrong with it is not missing files."""
    config = hub.store("org/name", COMMIT) / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"hidden_act": "quick_gelu"}))
    with pytest.raises(CheckpointRefused):
        open_checkpoint(f"org/name@{COMMIT}")
    assert hub.calls == []


def test_a_modular_model_that_transformers_cached_is_completed(hub: Hub, ettin: Path) -> None:
    """``AutoModel.from_pretrained`` leaves config, tokenizer and weights, and no module but the first."""
    hub.model = ettin
    folder = hub.store("org/name", COMMIT)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name in {"modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"}:
            path.unlink()
    assert not is_local(replace(find_model("ettin-17m"), hub_id="org/name", revision=COMMIT))
    with pytest.raises(ModelMissing, match="fetching is off"):
        open_checkpoint(f"org/name@{COMMIT}", offline=True)
    assert open_checkpoint(f"org/name@{COMMIT}").digest == open_checkpoint(ettin).digest
    assert is_local(replace(find_model("ettin-17m"), hub_id="org/name", revision=COMMIT))
    assert len(hub.calls) == 1


def test_an_encoder_without_a_head_is_refused_and_not_called_incomplete(hub: Hub, tmp_path: Path, bert: Path) -> None:
    hub.model = copied(bert, tmp_path / "encoder")
    config = json.loads((bert / "config.json").read_text()) | {"architectures": ["BertModel"]}
    (hub.model / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointRefused, match="architectures"):
        open_checkpoint(f"org/name@{COMMIT}")


@pytest.mark.parametrize("name", ["tokenizer_config.json", "sentence_bert_config.json"])
def test_settings_that_are_not_cached_are_fetched_once_or_done_without(
    hub: Hub, ettin: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    hub.model = ettin
    setting = hub.store("org/name", COMMIT) / name
    setting.unlink()
    hub.failure = ConnectionError("no route")
    for _ in range(2):
        open_checkpoint(f"org/name@{COMMIT}")
    open_checkpoint(f"org/name@{COMMIT}", offline=True)
    assert cached_folder("org/name", COMMIT) is not None
    assert len(hub.asked) == 1, "the hub was tried once, and what is cached can be read"
    hub.failure = None
    monkeypatch.setattr("rankladder.checkpoint.hub._IN_VAIN", set())  # another process
    open_checkpoint(f"org/name@{COMMIT}")
    assert setting.is_file()
    asked = len(hub.asked)
    open_checkpoint(f"org/name@{COMMIT}")
    assert len(hub.asked) == asked


@pytest.mark.parametrize("cached", [False, True])
def test_settings_that_the_hub_does_not_have_are_asked_for_once(hub: Hub, cached: bool) -> None:
    if cached:
        hub.store("org/name", COMMIT)
    for _ in range(3):
        open_checkpoint(f"org/name@{COMMIT}")
    assert hub.asked == ["modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"]
    assert len(hub.calls) == (not cached)


def test_a_classifier_that_another_program_cached_without_its_modules_is_read_with_them(hub: Hub, ettin: Path) -> None:
    """transformers leaves what it reads itself: read as that alone, the pair would be cut to another length."""
    hub.model = ettin
    folder = hub.store("org/name", COMMIT)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["ModernBertForSequenceClassification"]}))
    left = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in left:
            path.unlink()
    open_checkpoint(f"org/name@{COMMIT}")
    assert (folder / "modules.json").is_file()
    assert (folder / "2_Dense" / "model.safetensors").is_file()


def test_a_partial_model_while_the_hub_is_away_is_not_called_damaged(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    (hub.store("org/name", COMMIT) / "model.safetensors").unlink()
    as_it_was = hub.cache / "models--org--name" / "snapshots" / COMMIT
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(as_it_was))  # as its client does
    hub.failure = LocalEntryNotFoundError("no route")
    with pytest.raises(Unavailable, match="cannot be reached"):
        open_checkpoint(f"org/name@{COMMIT}")


@pytest.mark.parametrize("name", ["foo/bar--baz", "foo/-bar", "foo/bar..baz", "foo/bar.git", "foo/" + "b" * 100])
def test_what_the_hub_takes_for_no_id_is_a_model_that_nobody_knows(hub: Hub, name: str) -> None:
    with pytest.raises(ModelMissing, match="not a hub id"):
        open_checkpoint(name)
    assert hub.calls == []


def test_an_empty_name_is_not_the_current_folder(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bert)
    with pytest.raises(BadOption, match="empty"):
        open_checkpoint("")
    assert open_checkpoint(".").folder == Path()


def test_no_pickle_and_no_code_is_asked_for(hub: Hub) -> None:
    open_checkpoint(f"org/name@{COMMIT}")
    allowed = hub.calls[-1]["allow_patterns"]
    assert sorted(allowed) == ["*.jinja", "*.json", "*.safetensors", "*.txt"]


def test_an_unpinned_model_warns_and_names_the_commit(hub: Hub) -> None:
    with pytest.warns(UnpinnedRevision, match=f"org/name@{COMMIT}"):
        checkpoint = open_checkpoint("org/name")
    assert checkpoint.revision == COMMIT
    with pytest.warns(UnpinnedRevision, match=COMMIT):
        open_checkpoint("org/name@main")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_checkpoint(f"org/name@{COMMIT}")


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_offline_says_how_to_fetch(hub: Hub, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "environment":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelMissing, match="hf download cross-encoder/ettin-reranker-17m-v1 --revision 9e4aa353"):
        open_checkpoint("ettin-17m", offline=True if how == "argument" else None)
    assert hub.calls == []


@pytest.mark.parametrize(
    "failure", [LocalEntryNotFoundError("no route"), ConnectionError("refused"), TimeoutError(), OSError("reset")]
)
def test_an_unreachable_hub_says_what_else_there_is(hub: Hub, failure: Exception) -> None:
    hub.failure = failure
    with pytest.raises(Unavailable, match=r"HF_ENDPOINT.*box") as refused:
        open_checkpoint("ettin-17m")
    assert refused.value.__cause__ is failure


@pytest.mark.parametrize("kind", [httpx2.ConnectError, httpx2.ReadTimeout, httpx2.InvalidURL])
def test_the_http_librarys_own_errors_are_unavailability(hub: Hub, kind: type[Exception]) -> None:
    hub.failure = kind("no route to host")
    with pytest.raises(Unavailable, match="no route to host"):
        open_checkpoint("ettin-17m")


@pytest.mark.parametrize("kind", [RepositoryNotFoundError, RevisionNotFoundError])
def test_a_model_that_the_hub_does_not_know_is_missing(hub: Hub, kind: type[HfHubHTTPError]) -> None:
    hub.failure = http(kind)
    with pytest.raises(ModelMissing, match="the hub has no"):
        open_checkpoint(f"org/nmae@{COMMIT}")


def test_a_full_disk_is_a_storage_failure(hub: Hub) -> None:
    hub.failure = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(StorageFailed, match="HF_HOME"):
        open_checkpoint("ettin-17m")


def test_a_bug_is_not_taken_for_a_lack_of_network(hub: Hub) -> None:
    hub.failure = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        open_checkpoint("ettin-17m")


def test_a_folder_is_opened_by_path_and_by_text(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_checkpoint(bert).digest == open_checkpoint(str(bert)).digest
    assert open_checkpoint(bert).revision is None
    monkeypatch.chdir(bert.parent)
    assert open_checkpoint("bert").folder == Path("bert")
    assert open_checkpoint("./bert").name == "./bert"


@pytest.mark.parametrize(
    "name", ["./nothing", "/nothing/here", "~/nothing", "~nobody-here/x", "../nothing", "a/b/c", Path("nothing")]
)
def test_a_path_where_nothing_is_says_so(name: str | Path) -> None:
    with pytest.raises(PathMissing, match="no checkpoint folder"):
        open_checkpoint(name)


def test_a_file_is_not_a_checkpoint(bert: Path) -> None:
    with pytest.raises(PathMissing, match="found a file"):
        open_checkpoint(bert / "config.json")


@pytest.mark.parametrize(
    ("name", "near"), [("etin-17m", "ettin-17m"), ("MiniLM-L6", "minilm-l6"), ("zzz", "known models")]
)
def test_an_unknown_name_offers_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ModelMissing, match=near):
        open_checkpoint(name)


def test_a_revision_is_honoured_or_refused(hub: Hub, bert: Path) -> None:
    other = COMMIT[::-1]
    assert open_checkpoint("ettin-17m", revision=other).revision == other
    for name in (None, "box", bert):
        with pytest.raises(BadOption, match="no revisions"):
            open_checkpoint(name, revision=COMMIT)
    with pytest.raises(BadOption, match="two revisions"):
        open_checkpoint(f"org/name@{COMMIT}", revision=other)


def test_importing_the_room_loads_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "onnx", "onnxruntime", "huggingface_hub", "sentence_transformers"}
    code = f"import sys, rankladder.checkpoint, rankladder.catalogue; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
