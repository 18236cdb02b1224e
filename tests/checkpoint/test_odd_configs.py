"""No config, however odd, gives anything but an opened model or our refusal; a large number in one costs nothing."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints import copied, write_bert
from rankladder import Reranker
from rankladder.checkpoint import open_checkpoint
from rankladder.checkpoint.jsonfile import LIMIT_BYTES, parse_json
from rankladder.errors import BadConfig, BadInput, BadTensor, CheckpointRefused, RankladderError

PAIRS = [("rain", "rain falls"), ("why", "so")]

ODD: list[Any] = [
    None, True, False, 0, -1, 1, 3, 1.5, -0.5, 1e308, 2**31, 2**63, 10**30, 10**400, "", "text", "1", [], {}, [[]],
    [{}], {"a": 1}, [1, 2], ["x"], float("nan"), float("inf"),
]  # fmt: skip
FILES = {
    "bert": ["config.json", "tokenizer_config.json", "tokenizer.json", "int8.json"],
    "ettin": [
        "config.json", "tokenizer_config.json", "modules.json", "sentence_bert_config.json",
        "config_sentence_transformers.json", "1_Pooling/config.json", "2_Dense/config.json", "3_LayerNorm/config.json",
    ],
}  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something lies in a JSON value: the first few of each long list, and of each large object."""
    yield at
    keys = [*value][:30] if isinstance(value, dict) else [*range(len(value))][:3] if isinstance(value, list) else []
    for key in keys:
        yield from places(value[key], (*at, key))


def replaced(value: Any, at: tuple[Any, ...], by: Any) -> Any:
    if not at:
        return by
    changed = copy.deepcopy(value)
    owner = changed
    for key in at[:-1]:
        owner = owner[key]
    owner[at[-1]] = by
    return changed


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_an_odd_value_anywhere_is_read_or_refused(
    data: st.DataObject, bert: Path, ettin: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = data.draw(st.sampled_from([*FILES]))
    source = {"bert": bert, "ettin": ettin}[base]
    folder = tmp_path_factory.getbasetemp() / f"odd-{base}"
    if not folder.exists():
        copied(source, folder)
        (folder / "int8.json").write_text('{"measurements": [{"dataset": "x", "fp32": 0.5, "int8": 0.5}]}')
    file = folder / data.draw(st.sampled_from(FILES[base]))
    text = file.read_text()
    values = json.loads(text)
    at = data.draw(st.sampled_from([*places(values)]))
    file.write_text(json.dumps(replaced(values, at, data.draw(st.sampled_from(ODD)))))
    try:
        with suppress(RankladderError):
            assert Reranker.open(folder, threads=1, dtype="fp32").predict(PAIRS).shape == (2,)
    finally:
        file.write_text(text)


@settings(max_examples=100, deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_json_in_the_place_of_a_config_is_read_or_refused(
    value: Any, bert: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any-json"
    if not folder.exists():
        copied(bert, folder)
    for name in ("config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"):
        file = folder / name
        text = file.read_text() if file.is_file() else None
        file.write_text(json.dumps(value))
        try:
            with suppress(CheckpointRefused):
                open_checkpoint(folder)
        finally:
            if text is None:
                file.unlink()
            else:
                file.write_text(text)


MILLION = 1_000_000
BOMBS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "layers": lambda config: config | {"num_hidden_layers": 10 * MILLION, "layer_types": None},
    "width": lambda config: config | {"hidden_size": 100 * MILLION},
    "heads": lambda config: config | {"num_attention_heads": 100 * MILLION},
    "inner": lambda config: config | {"intermediate_size": 100 * MILLION},
    "vocabulary": lambda config: config | {"vocab_size": 1000 * MILLION},
    "positions": lambda config: config | {"max_position_embeddings": 100 * MILLION},
    "window": lambda config: config | {"local_attention": 100 * MILLION},
    "types": lambda config: config | {"type_vocab_size": 1000 * MILLION},
}
SCRIPT = """
import resource, sys, time
from rankladder import Reranker
from rankladder.errors import CheckpointRefused
import rankladder.rerank.onnx.engine
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
for folder in sys.argv[1:]:
    try:
        Reranker.open(folder, threads=1).predict([("a", "b")])
    except CheckpointRefused:
        continue
    print("opened", folder)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_number_in_a_config_costs_neither_memory_nor_time(bert: Path, ettin: Path, tmp_path: Path) -> None:
    """All are refused, with less than 100 MB beyond what a process of ours takes anyway, in 30 s of processor time."""
    folders = []
    for source in (bert, ettin):
        for name, change in BOMBS.items():
            if source == bert and name == "window":
                continue  # BERT has none, and refuses the key
            if source == ettin and name == "types":
                continue
            folder = copied(source, tmp_path / f"{source.name}-{name}")
            file = folder / "config.json"
            values = change(json.loads(file.read_text()))
            file.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
            folders.append(str(folder))
    done = subprocess.run([sys.executable, "-c", SCRIPT, *folders], capture_output=True, text=True, check=True)
    *opened, grown = done.stdout.split("\n")[:-1]
    assert opened == []
    assert int(grown) < 100 * 1024 * (1024 if sys.platform == "darwin" else 1)


def test_a_config_that_is_too_large_too_deep_or_full_of_duplicates_is_refused_cheaply(
    bert: Path, tmp_path: Path
) -> None:
    folder = copied(bert, tmp_path / "copy")
    file = folder / "config.json"
    many = ", ".join(f'"k{n}": 0' for n in range(200_000))
    for content, message in (
        (b" " * (LIMIT_BYTES + 1), "at most 8,388,608 bytes"),
        (b"[" * 1_000_000, "nested too deep|not valid JSON"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deep"),
        (f'{{{many}, "k199999": 1}}'.encode(), "'k199999' appears twice"),
        (b'{"layer_norm_eps": NaN}', "NaN is not a JSON number"),
        (b'{"hidden_size": ' + b"9" * 10_000 + b"}", "not valid JSON"),
    ):
        file.write_bytes(content)
        before = os.times().user
        with pytest.raises(BadConfig, match=message):
            open_checkpoint(folder)
        assert os.times().user - before < 10  # quadratic work would take minutes


def test_a_tokenizer_that_is_too_large_for_its_embedding_is_refused_unread(bert: Path, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path / "copy")
    (folder / "tokenizer.json").write_bytes(b"[" + b"[]," * 2_000_000 + b"[]]")
    with pytest.raises(
        BadConfig, match=r"tokenizer\.json: expected at most 4,521,984 bytes for an embedding of 320 rows"
    ):
        open_checkpoint(folder)


def test_json_with_a_key_twice_is_refused_at_any_depth() -> None:
    assert parse_json('{"a": {"b": 1}}') == {"a": {"b": 1}}
    with pytest.raises(ValueError, match="'b' appears twice"):
        parse_json('{"a": [{"b": 1, "b": 1}]}')


def tokenizer(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = folder / "tokenizer.json"
    values = json.loads(file.read_text())
    change(values)
    file.write_text(json.dumps(values))


def test_a_panic_of_the_tokenizers_library_is_a_refusal(ettin: Path, tmp_path: Path) -> None:
    """A prefix that is longer than a piece makes the library slice beyond its end; a pattern that never comes to an end
    makes it give up in the middle of a text.
    """
    folder = copied(ettin, tmp_path / "load")
    tokenizer(folder, lambda values: values["model"].update(continuing_subword_prefix="cls"))
    with pytest.raises(BadConfig, match=r"tokenizer\.json: not a tokenizer that the library tokenizers can use"):
        open_checkpoint(folder)
    endless = {"type": "Split", "pattern": {"Regex": "(x+x+)+y"}, "behavior": "Isolated", "invert": False}
    folder = copied(ettin, tmp_path / "predict")
    tokenizer(
        folder,
        lambda values: values.update(
            pre_tokenizer={"type": "Sequence", "pretokenizers": [endless, values["pre_tokenizer"]]}
        ),
    )
    reranker = Reranker.open(folder, dtype="fp32")
    assert reranker.predict([("rain", "rain")]).shape == (1,)
    for long in ("truncate", "passages"):
        with pytest.raises(BadInput, match="the model's tokenizer fails on one of 1 texts, the first is 'xxx"):
            reranker.rank("rain", ["x" * 40], long=long)


def test_a_tokenizer_without_its_unknown_token_is_refused_in_our_words(bert: Path, tmp_path: Path) -> None:
    """The library raises a bare Exception at the first text with an unknown word."""
    folder = copied(bert, tmp_path / "copy")
    tokenizer(folder, lambda values: values["model"].update(unk_token="[NONE]"))
    with pytest.raises(RankladderError, match=r"WordPiece error|unk_token"):
        Reranker.open(folder, dtype="fp32").predict([("rain", "\u4e2d")])


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_git_lfs_pointer_is_called_by_its_name(bert: Path, tmp_path: Path, file: str) -> None:
    folder = copied(bert, tmp_path / "copy")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 90870598\n"
    (folder / file).write_text(pointer)
    with pytest.raises(
        CheckpointRefused, match=f"{file}: expected the file itself, found a Git LFS pointer"
    ) as refused:
        open_checkpoint(folder)
    assert f"git -C {folder} lfs pull" in str(refused.value)


def test_an_adapter_is_refused_beside_the_weights_and_alone(bert: Path, tmp_path: Path) -> None:
    folder = copied(bert, tmp_path / "copy")
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(BadConfig, match=r"an adapter beside the weights.*\n.*merge_and_unload"):
        Reranker.open(folder)
    (folder / "adapter_config.json").write_text('{"peft_type": "PREFIX_TUNING"}')
    with pytest.raises(
        BadConfig, match=r"an adapter beside the weights.*\n.*cannot take in an adapter of the kind PREFIX_TUNING"
    ):
        Reranker.open(folder)
    for name in ("model.safetensors", "config.json"):
        (folder / name).unlink()
    with pytest.raises(BadConfig, match="an adapter without its base model"):
        Reranker.open(folder)


def test_the_names_of_2019_are_read(bert: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = copied(bert, tmp_path / "copy")
    tensors = load_file(folder / "model.safetensors")
    old = {
        name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): v for name, v in tensors.items()
    }
    assert old.keys() != tensors.keys()
    save_file(old, folder / "model.safetensors")
    assert (
        Reranker.open(folder, dtype="fp32").predict(PAIRS).tolist()
        == Reranker.open(bert, dtype="fp32").predict(PAIRS).tolist()
    )
    save_file(
        tensors | {"bert.embeddings.LayerNorm.gamma": tensors["bert.embeddings.LayerNorm.weight"]},
        folder / "model.safetensors",
    )
    with pytest.raises(BadTensor, match="gamma: expected no such tensor"):
        open_checkpoint(folder)


def test_what_released_configs_carry_and_no_version_reads_is_known(tmp_path: Path) -> None:
    """Of multilingual, Chinese and Russian BERT, TinyBERT, and what other tools leave behind."""
    folder = write_bert(tmp_path / "bert")
    file = folder / "config.json"
    values = json.loads(file.read_text())
    digest = open_checkpoint(folder).digest
    carried: dict[str, Any] = {
        "directionality": "bidi", "pooler_fc_size": 768, "pooler_num_attention_heads": 12, "pooler_num_fc_layers": 3,
        "pooler_size_per_head": 128, "pooler_type": "first_token_transform", "output_past": True, "_num_labels": 1,
        "finetuning_task": "rerank", "emb_size": 312, "cell": {}, "structure": [], "pre_trained": "",
        "torchscript": False,
        "gradient_checkpointing": False, "position_embedding_type": "absolute", "torch_dtype": "float32",
        "adapters": {"adapters": {}}, "transformers.js_config": {}, "summary_type": "first", "pruned_heads": {},
        "language": "english", "name": "Bert", "eos_token_ids": 0, "xla_device": True,
        "export_model_type": "transformer",
    }  # fmt: skip
    file.write_text(json.dumps(values | carried))
    assert open_checkpoint(folder).digest == digest
    for key in ("layer_norm_eps", "hidden_act", "type_vocab_size"):
        values.pop(key)
    file.write_text(json.dumps(values))
    assert open_checkpoint(folder).digest == digest
