"""Recognition engines, one adapter file each."""

from asr.engine import Engine
from callscribe.domain.errors import EngineUnavailable


def load_engine(name: str) -> Engine:
    """Load the engine that the settings name. Raises EngineUnavailable when there is none, or its model is missing."""
    if name != "moonshine":
        raise EngineUnavailable(f"there is no engine {name}; recognizer.engine is moonshine")
    # An engine's libraries are loaded only where it is used.
    from asr.engines.moonshine import MoonshineEngine

    return MoonshineEngine()
