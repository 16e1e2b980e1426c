"""Two models of voices that the package moonshine-voice carries inside its library, in onnxruntime's own format.

By what stands beside them in the library they are those of pyannote's pipeline "speaker-diarization-community-1": its
segmentation, and WeSpeaker's ResNet34. Nothing of the library is executed: the models' bytes are found in its file by
what they are.
"""

from dataclasses import dataclass
from hashlib import sha256
from mmap import ACCESS_READ, mmap

from asr.ort_format import as_onnx
from asr.runtime import Model, package_folder
from callscribe.domain.errors import EngineUnavailable

_IDENTIFIER = b"ORTM"
"""Of a model in onnxruntime's format, a FlatBuffer, at its byte _IDENTIFIER_AT."""
_IDENTIFIER_AT = 4


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model by its content."""

    size: int
    """Bytes."""
    sha256: str


SEGMENTATION = PackagedModel(1_594_080, "9715e3996ef181252aa1cc0c9398060f42b2c984c2fb65e3604262555e2efb1a")
"""(windows, 1, 160000) of sound at ENGINE_RATE to (windows, 589, 3): 1 where one of three speakers speaks."""
EMBEDDING = PackagedModel(6_975_920, "6e4af7d49562e6e7042672e444d6394935cb2c23c3a7dd4919da45922b91735b")
"""(cuts, frames, 80) of filter banks and (cuts, frames) of weights to (cuts, 256): what tells voices apart."""


def load_packaged(wanted: PackagedModel) -> Model:
    """The model, planned for this processor. Raises EngineUnavailable where the library or the model is missing."""
    library = package_folder("moonshine_voice") / "libmoonshine.so"
    try:
        with library.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            found = _find(content, wanted)
    except OSError as error:
        raise EngineUnavailable(f"{library} cannot be read; install Callscribe's packages again") from error
    if found is None:
        raise EngineUnavailable(f"{library} does not hold the models of voices; install moonshine-voice==0.1.0")
    return Model(as_onnx(found))


def _find(content: mmap, wanted: PackagedModel) -> bytes | None:
    at = content.find(_IDENTIFIER)
    while at >= 0:
        start = at - _IDENTIFIER_AT
        model = content[start : start + wanted.size]
        if sha256(model).hexdigest() == wanted.sha256:
            return model
        at = content.find(_IDENTIFIER, at + 1)
    return None
