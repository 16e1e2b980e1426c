"""The tiny models that FunASR's parts are tested with; tests/models/README.md says what they know."""

from pathlib import Path

_FOLDER = Path(__file__).parents[2] / "models"


def model(name: str) -> Path:
    """The folder of a tiny model."""
    return _FOLDER / name
