"""sherpa-onnx: streaming and offline models of many makes as ONNX files."""

from asr.engines.sherpa.engine import SherpaEngine

__all__ = ["SherpaEngine"]
