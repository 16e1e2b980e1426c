"""Moonshine tiny (English) on graphs of our own. Model: Jeffries et al., "Moonshine: Speech Recognition for Live
Transcription and Voice Commands", arXiv 2410.15608."""

from asr.engines.moonshine.engine import MoonshineEngine

__all__ = ["MoonshineEngine"]
