"""The other ways in which people run a cross-encoder on a CPU, each as a function from pairs to raw logits.

Two families. Sentence Transformers: ``CrossEncoder.predict`` by itself, and with the network run by ONNX Runtime or
OpenVINO as its ``backend="onnx"`` and ``backend="openvino"`` do. ONNX Runtime without it: whole lists at once as
FlashRank runs them, unsorted batches as fastembed does, and one sequence per core.

The network is exported whole (encoder and head) from the CrossEncoder by ``torch.onnx.export``, because the backends'
own exporters cannot be used here: optimum-onnx 0.1 needs transformers below 4.58 where Sentence Transformers 6.2 needs
5, and optimum-intel 2.2 refuses ModernBERT. What runs the export is then what the backends run: ONNX Runtime's default
session, OpenVINO's latency hint.

The int8 formats are those that Sentence Transformers' own functions write: ``export_dynamic_quantized_onnx_model``
(per channel, 8 bits, weights unsigned on AVX2 and signed with VNNI, products of activations included) and
``export_static_quantized_openvino_model`` (NNCF's mixed preset for transformers), calibrated on pairs of the
benchmark's own kind.
"""

from __future__ import annotations

import copy
import importlib
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder
from tokenizers import Tokenizer

from pairs import Pairs, natural_pairs
from rankladder.rerank.onnx.runtime import onnxruntime
from rankladder.rerank.processor import int8_path, usable_cores

INSTALL = "pip install -c constraints.txt torch sentence-transformers onnx onnxscript openvino nncf"
PACKAGES = ("onnx", "onnxscript", "openvino", "nncf")

FLASHRANK_LIST = 100
"""Passages of one ``Ranker.rerank`` call: one ``session.run``, padded to the longest of all (flashrank 0.2.10)."""
FASTEMBED_BATCH = 64
"""The default of ``TextCrossEncoder.rerank``, which does not sort by length (fastembed 0.9.1)."""
CALIBRATION = 100
"""Pairs that NNCF sees; optimum-intel takes 300 by default. The speed does not depend on it."""

Feed = Mapping[str, NDArray[np.int64]]
Run = Callable[[Feed], NDArray[np.float32]]
Predict = Callable[[Pairs], NDArray[np.float32]]
Dtype = Literal["fp32", "int8"]


class NotInstalled(Exception):
    """A way needs a library that is not here; the message names it."""


class Way(NamedTuple):
    """A way of scoring pairs: its name in the tables, its number format, and how to open it."""

    name: str
    dtype: Dtype
    open: Callable[[Exports], Predict]


def library(module: str) -> Any:
    """The module; raises NotInstalled, with the install line, where it is not here."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise NotInstalled(f"{module} is not installed: {INSTALL}") from None


class Exports:
    """One CrossEncoder in the formats of the other runtimes, each written when it is first asked for."""

    def __init__(self, model: Path, folder: Path, words: list[str]) -> None:
        self.model = model
        self.cross_encoder = CrossEncoder(str(model), device="cpu", activation_fn=torch.nn.Identity())
        self.pad_token = str(self.cross_encoder.tokenizer.pad_token)
        self._folder = folder
        self._calibration, _ = natural_pairs(self.tokenizer, CALIBRATION, words, seed=1_000_000)
        features = self.cross_encoder.preprocess(self._calibration[:2])
        wanted = ("input_ids", "attention_mask", "token_type_ids")
        self._example = {name: features[name] for name in wanted if name in features}

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer alone, a new one for each that asks: padding and truncation are settings of the object."""
        return Tokenizer.from_file(str(self.model / "tokenizer.json"))

    @cached_property
    def onnx(self) -> Path:
        """The network as ONNX, in fp32, batch and length free."""
        library("onnxscript")
        onnx = library("onnx")
        path = self._folder / "model.onnx"
        names = list(self._example)
        free = torch.export.Dim.DYNAMIC
        network = _Logits(self.cross_encoder, names)
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.getLogger("torch.onnx").setLevel(logging.ERROR)
            torch.onnx.export(
                network,
                tuple(self._example.values()),
                path,
                input_names=names,
                output_names=["logits"],
                dynamic_shapes=(tuple({0: free, 1: free} for _ in names),),
                external_data=False,
                verbose=False,
            )
        model = onnx.load(path)
        del model.graph.value_info[:]  # the exporter's notes on shapes contradict what the quantiser infers
        onnx.save(model, path)
        return path

    def onnx_int8(self, *, constants_only: bool) -> Path:
        """The network as ONNX, dynamically quantised; ``constants_only`` leaves products of two activations in fp32."""
        from onnxruntime.quantization import QuantType, quantize_dynamic  # rankladder's import has its telemetry off

        path = self._folder / f"model-int8-{'constants' if constants_only else 'all'}.onnx"
        if not path.exists():
            logging.disable(logging.WARNING)  # one line per matrix that it leaves alone, through the root logger
            quantize_dynamic(
                self.onnx,
                path,
                per_channel=True,
                weight_type=QuantType.QInt8 if int8_path() == "vnni" else QuantType.QUInt8,
                extra_options={"MatMulConstBOnly": constants_only, "WeightSymmetric": True},
            )
            logging.disable(logging.NOTSET)
        return path

    @cached_property
    def openvino(self) -> Any:
        """The network as an OpenVINO model, in fp32."""
        return library("openvino").convert_model(self.onnx)

    @cached_property
    def openvino_int8(self) -> Any:
        """The network as an OpenVINO model, weights and activations quantised by NNCF."""
        nncf = library("nncf")
        features = [self.cross_encoder.preprocess([pair]) for pair in self._calibration]
        samples = [{name: feature[name].numpy() for name in self._example} for feature in features]
        return nncf.quantize(
            self.openvino,
            nncf.Dataset(samples),
            model_type=nncf.ModelType.TRANSFORMER,
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(samples),
        )


class _Logits(torch.nn.Module):
    """The CrossEncoder with tensors in the place of dictionaries, as the exporter wants it."""

    def __init__(self, cross_encoder: CrossEncoder, names: Sequence[str]) -> None:
        super().__init__()
        self._cross_encoder, self._names = cross_encoder, names

    def forward(self, *features: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self._cross_encoder(dict(zip(self._names, features, strict=True)))["scores"]
        return scores


class SentenceTransformers:
    """``CrossEncoder.predict``: batches of ``batch_size`` padded pairs, sorted by length; ``run`` replaces torch."""

    def __init__(self, exports: Exports, *, run: Run | None = None, batch_size: int = 32) -> None:
        self._cross_encoder = copy.copy(exports.cross_encoder)
        self._batch_size = batch_size
        if run is not None:
            self._cross_encoder.forward = lambda features, **_: {
                "scores": torch.from_numpy(
                    run({name: values.numpy() for name, values in features.items() if torch.is_tensor(values)})
                )
            }

    def __call__(self, pairs: Pairs) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = self._cross_encoder.predict(
            pairs, batch_size=self._batch_size, show_progress_bar=False
        )
        return scores


class UnsortedBatches:
    """Batches in the order given, padded to the longest of the batch, through one ONNX Runtime session."""

    def __init__(self, exports: Exports, model: Path, *, batch_size: int) -> None:
        self._tokenizer = exports.tokenizer
        self._tokenizer.enable_truncation(512)
        self._tokenizer.enable_padding(
            pad_id=self._tokenizer.token_to_id(exports.pad_token), pad_token=exports.pad_token
        )
        self._run = onnx_session(model)
        self._batch_size = batch_size

    def __call__(self, pairs: Pairs) -> NDArray[np.float32]:
        return np.concatenate(
            [
                self._run(_feed(self._tokenizer.encode_batch(pairs[start : start + self._batch_size])))
                for start in range(0, len(pairs), self._batch_size)
            ]
        ).ravel()


class OnePerCore:
    """One sequence a call, unpadded, longest first, as many calls at once as there are cores; ONNX Runtime."""

    def __init__(self, exports: Exports, model: Path) -> None:
        self._tokenizer = exports.tokenizer
        self._run = onnx_session(model, threads=1)

    def __call__(self, pairs: Pairs) -> NDArray[np.float32]:
        feeds, order = _single_feeds(self._tokenizer, pairs)
        scores = np.empty(len(pairs), dtype=np.float32)
        with ThreadPoolExecutor(usable_cores()) as pool:
            for row, logits in zip(order, pool.map(self._run, [feeds[row] for row in order]), strict=True):
                scores[row] = logits.item()
        return scores


class OpenvinoOnePerCore:
    """One sequence an inference request, unpadded, longest first, one stream per core; OpenVINO."""

    def __init__(self, exports: Exports, model: Any) -> None:
        openvino = library("openvino")
        cores = usable_cores()
        settings = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": cores, "INFERENCE_NUM_THREADS": cores}
        compiled = openvino.Core().compile_model(model, "CPU", settings)
        self._names = [entry.get_any_name() for entry in compiled.inputs]
        self._tokenizer = exports.tokenizer
        self._queue = openvino.AsyncInferQueue(compiled, cores)
        self._scores = np.empty(0, dtype=np.float32)
        self._queue.set_callback(self._keep)

    def __call__(self, pairs: Pairs) -> NDArray[np.float32]:
        feeds, order = _single_feeds(self._tokenizer, pairs)
        self._scores = np.empty(len(pairs), dtype=np.float32)
        for row in order:
            self._queue.start_async({name: feeds[row][name] for name in self._names}, row)
        self._queue.wait_all()
        return self._scores

    def _keep(self, request: Any, row: int) -> None:
        self._scores[row] = request.get_output_tensor(0).data.item()


@cache
def onnx_session(model: Path, *, threads: int | None = None) -> Run:
    """A function that runs an ONNX model in ONNX Runtime's default session, or with so many threads a call.

    Ways that run the same file in the same session share it: each would otherwise hold weights and arena of its own.
    """
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = options.inter_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def run(feed: Feed) -> NDArray[np.float32]:
        (logits,) = session.run(None, {name: feed[name] for name in names})
        return np.asarray(logits, dtype=np.float32)

    return run


def openvino_latency(model: Any) -> Run:
    """A function that runs an OpenVINO model as optimum-intel compiles it: the latency hint, shapes free."""
    compiled = library("openvino").Core().compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    names = [entry.get_any_name() for entry in compiled.inputs]

    def run(feed: Feed) -> NDArray[np.float32]:
        return np.array(compiled({name: feed[name] for name in names})[0], dtype=np.float32)

    return run


def _feed(encodings: Sequence[Any]) -> Feed:
    return {
        "input_ids": np.array([encoding.ids for encoding in encodings], dtype=np.int64),
        "attention_mask": np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64),
        "token_type_ids": np.array([encoding.type_ids for encoding in encodings], dtype=np.int64),
    }


def _single_feeds(tokenizer: Tokenizer, pairs: Pairs) -> tuple[list[Feed], list[int]]:
    """A feed for each pair, and the rows, longest first."""
    encodings = tokenizer.encode_batch(pairs)
    order = sorted(range(len(pairs)), key=lambda row: -len(encodings[row].ids))
    return [_feed([encoding]) for encoding in encodings], order


BASELINE = Way("Sentence Transformers", "fp32", SentenceTransformers)

OTHERS = (
    Way("Sentence Transformers, batch_size=1", "fp32", lambda e: SentenceTransformers(e, batch_size=1)),
    Way("Sentence Transformers, ONNX", "fp32", lambda e: SentenceTransformers(e, run=onnx_session(e.onnx))),
    Way(
        "Sentence Transformers, ONNX",
        "int8",
        lambda e: SentenceTransformers(e, run=onnx_session(e.onnx_int8(constants_only=False))),
    ),
    Way("Sentence Transformers, OpenVINO", "fp32", lambda e: SentenceTransformers(e, run=openvino_latency(e.openvino))),
    Way(
        "Sentence Transformers, OpenVINO",
        "int8",
        lambda e: SentenceTransformers(e, run=openvino_latency(e.openvino_int8)),
    ),
    Way("FlashRank's way", "fp32", lambda e: UnsortedBatches(e, e.onnx, batch_size=FLASHRANK_LIST)),
    Way(
        "FlashRank's way",
        "int8",
        lambda e: UnsortedBatches(e, e.onnx_int8(constants_only=True), batch_size=FLASHRANK_LIST),
    ),
    Way("fastembed's way", "fp32", lambda e: UnsortedBatches(e, e.onnx, batch_size=FASTEMBED_BATCH)),
    Way("ONNX, one sequence per core", "fp32", lambda e: OnePerCore(e, e.onnx)),
    Way("ONNX, one sequence per core", "int8", lambda e: OnePerCore(e, e.onnx_int8(constants_only=True))),
    Way("OpenVINO, one sequence per core", "fp32", lambda e: OpenvinoOnePerCore(e, e.openvino)),
    Way("OpenVINO, one sequence per core", "int8", lambda e: OpenvinoOnePerCore(e, e.openvino_int8)),
)
"""Every way but the baseline. FlashRank ships int8 files for most of its models and fp32 for the smallest, fastembed
fp32 alone."""
