"""FunASR models by our own calls of their modules."""

from asr.engines.funasr.engine import FunasrEngine

__all__ = ["FunasrEngine"]
