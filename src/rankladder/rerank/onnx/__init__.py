"""The CPU engine: a network written as an ONNX graph and run by ONNX Runtime, without torch."""
