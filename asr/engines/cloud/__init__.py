"""What engines have in common whose recogniser is somebody else's, over the network, and paid by the minute."""

from asr.engines.cloud.engine import CloudEngine

__all__ = ["CloudEngine"]
