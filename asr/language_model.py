"""Language models by reference: word n-grams of a file, or a neural model of a folder or a hub."""

from pathlib import Path

from asr.causal_model import CausalModel
from asr.models import is_reference, model_folder
from asr.ngrams import SUFFIXES, read_arpa
from asr.rescoring import LanguageModel
from asr.settings import Device
from callscribe.domain.errors import EngineUnavailable

FORMS = (
    "a language model is a file in ARPA's format (.arpa, .arpa.gz), a folder with such a file or with a causal model, "
    "modelscope:OWNER/NAME[@REVISION] or huggingface:OWNER/NAME[@REVISION]"
)


def load_language_model(reference: str, device: Device) -> LanguageModel:
    """The model that a setting names, downloaded where it is a hub's and not here yet. `device` is for neural ones.

    Raises EngineUnavailable, in one sentence with the cure.
    """
    file = Path(reference).expanduser()
    if reference.endswith(SUFFIXES) and not file.is_dir():
        return read_arpa(file)
    if not is_reference(reference):
        raise EngineUnavailable(f"{reference} is no language model: {FORMS}")
    folder = model_folder(reference)
    files = sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIXES))
    if (folder / "config.json").is_file() or not files:
        return CausalModel(folder, device)
    if len(files) > 1:
        raise EngineUnavailable(
            f"{folder} holds several language models; name one of the files: {files[0]}, for example"
        )
    return read_arpa(files[0])
