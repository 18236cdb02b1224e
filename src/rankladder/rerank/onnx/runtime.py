"""ONNX Runtime, imported with its telemetry off.

Its builds (1.31, Linux) send usage events unless ``ORT_DISABLE_TELEMETRY`` is set before the import: a device id is
written to the user's cache folder and a connection is tried after some seconds. Nothing here touches the network unless
asked. Where a program has imported onnxruntime before us, all that is left is to ask it for silence.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

onnxruntime.disable_telemetry_events()

__all__ = ["onnxruntime"]
