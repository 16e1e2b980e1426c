"""The files of a FunASR model's folder. Whatever they say, nothing but they is read, and nothing of them is run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from callscribe.domain.errors import EngineUnavailable

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

DOWNLOAD = "give the folder of a whole FunASR model, or modelscope:ID to download one"
"""What to do where something is missing."""

Row = NDArray[np.float32]


class ModelFolder:
    """A model's folder; its files have their usual names, or those that its configuration.json tells."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._names: Mapping[str, object] = {}
        described = path / "configuration.json"
        if described.is_file():
            told = _read_json(described)
            names = told.get("file_path_metas") if isinstance(told, dict) else None
            self._names = names if isinstance(names, dict) else {}

    def find(self, key: str, *usual: str) -> Path | None:
        """The file that configuration.json names under `key` ("section.name"), or the first usual one that is there."""
        named: object = self._names
        for part in key.split("."):
            named = named.get(part) if isinstance(named, dict) else None
        # A name that leads out of the folder is somebody else's file.
        inside = [named] if isinstance(named, str) and Path(named).name == named else []
        return next((self.path / name for name in (*inside, *usual) if (self.path / name).is_file()), None)

    def need(self, key: str, *usual: str) -> Path:
        """As `find`. Raises EngineUnavailable when there is none."""
        found = self.find(key, *usual)
        if found is None:
            raise EngineUnavailable(f"{self.path} holds no whole FunASR model ({usual[0]} is missing); {DOWNLOAD}")
        return found

    def configuration(self) -> Mapping[str, Any]:
        """What config.yaml says. Raises EngineUnavailable."""
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException
        from yaml import YAMLError  # type: ignore[import-untyped]

        file = self.need("config", "config.yaml")
        try:
            # Unresolved: what stands in `${}` could read this machine's environment.
            configuration = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
        except (YAMLError, OmegaConfBaseException, UnicodeDecodeError) as error:
            raise EngineUnavailable(f"{file} is no YAML; {DOWNLOAD}") from error
        if not isinstance(configuration, dict):
            raise EngineUnavailable(f"{file} describes no model; {DOWNLOAD}")
        return {str(key): value for key, value in configuration.items()}

    def weights(self) -> Path:
        """The file of weights. Raises EngineUnavailable."""
        return self.need("init_param", "model.pt")

    def tokens(self) -> tuple[str, ...]:
        """What each number that the model reads or writes stands for. Raises EngineUnavailable."""
        file = self.need("tokenizer_conf.token_list", "tokens.json", "tokens.txt")
        tokens = _read_json(file) if file.suffix == ".json" else _read_text(file).splitlines()
        if not isinstance(tokens, list):
            raise EngineUnavailable(f"{file} is no list of tokens; {DOWNLOAD}")
        return tuple(str(token).rstrip() for token in tokens)

    def pieces(self) -> SentencePieceProcessor:
        """The tokenizer. Raises EngineUnavailable."""
        from sentencepiece import SentencePieceProcessor

        file = self.need("tokenizer_conf.bpemodel", "bpe.model", "chn_jpn_yue_eng_ko_spectok.bpe.model")
        try:
            return SentencePieceProcessor(model_file=str(file))
        except (RuntimeError, OSError) as error:
            raise EngineUnavailable(f"{file} is no SentencePiece model; {DOWNLOAD}") from error

    def normalization(self, width: int) -> tuple[Row, Row]:
        """Shift and scale of each of a feature vector's numbers, from Kaldi's text form (`am.mvn`)."""
        file = self.need("frontend_conf.cmvn_file", "am.mvn")
        rows = re.findall(r"<(AddShift|Rescale)>.*?\[([^\]]*)\]", _read_text(file), re.DOTALL)
        numbers = {name: np.array(row.split(), np.float32) for name, row in rows}
        if {name: len(row) for name, row in numbers.items()} != {"AddShift": width, "Rescale": width}:
            raise EngineUnavailable(f"{file} does not fit the model's {width} features; {DOWNLOAD}")
        return numbers["AddShift"], numbers["Rescale"]

    def spellings(self) -> Mapping[str, tuple[str, ...]]:
        """Of words that are several tokens, which; the file `seg_dict`, where there is one."""
        file = self.find("tokenizer_conf.seg_dict_file", "seg_dict")
        if file is None:
            return {}
        rows = (line.split() for line in _read_text(file).splitlines())
        return {row[0]: tuple(row[1:]) for row in rows if row}


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EngineUnavailable(f"{file} cannot be read; {DOWNLOAD}") from error


def _read_json(file: Path) -> object:
    try:
        told: object = json.loads(_read_text(file))
    except json.JSONDecodeError as error:
        raise EngineUnavailable(f"{file} is no JSON; {DOWNLOAD}") from error
    return told
