"""Recognition engines, one adapter file each."""

import numpy as np

from asr.engine import ENGINE_RATE, DecodingJob, Engine
from asr.settings import Device
from asr.vocabulary import TELEPHONE_WORDS
from callscribe.domain.errors import EngineUnavailable


def load_engine(name: str, device: Device = "auto", *, telephone_words: bool = True) -> Engine:
    """Load the engine that the settings name; `telephone_words`: it prefers those of `asr.vocabulary`.

    Raises EngineUnavailable when there is none, or its model or the device is missing.
    """
    if name != "moonshine":
        raise EngineUnavailable(f"there is no engine {name}; recognizer.engine is moonshine")
    # An engine's libraries are loaded only where it is used.
    from asr.engines.moonshine import MoonshineEngine

    return MoonshineEngine(device=device, preferred=TELEPHONE_WORDS if telephone_words else ())


def warm_up(engine: Engine) -> None:
    """Decode something, so that the first caller does not pay for memory and caches."""
    noise = np.random.default_rng(0).normal(0.0, 0.01, 4 * ENGINE_RATE).astype(np.float32)
    for length in (ENGINE_RATE, 4 * ENGINE_RATE):
        engine.decode([DecodingJob(noise[:length])] * 2)
