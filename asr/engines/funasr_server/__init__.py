"""FunASR's servers by their WebSocket protocols."""

from asr.engines.funasr_server.engine import FunasrServerEngine

__all__ = ["FunasrServerEngine"]
