"""Model hubs: what one tells about a model, and where its files are kept on this machine."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.error import HTTPError

from callscribe.domain.errors import EngineUnavailable

_BLOCK_BYTES = 1 << 20


class HubUnreachable(EngineUnavailable):
    """The model hub does not answer."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a model, as its hub tells it."""

    path: str
    """Below the model's folder, its parts joined by "/"."""
    size: int
    """Bytes."""
    sha256: str = ""
    """Of the content, in hexadecimal; "" where the hub does not tell."""
    git_blob: str = ""
    """SHA-1 of git's blob object (a header, then the content), which Hugging Face tells of files outside LFS."""

    def is_whole(self, at: Path) -> bool:
        """True where the file at this place has the size and the content that the hub tells."""
        if not at.is_file() or at.stat().st_size != self.size:
            return False
        if self.sha256:
            return _digest(at, hashlib.sha256()) == self.sha256
        if self.git_blob:
            header = f"blob {self.size}\0".encode()
            return _digest(at, hashlib.sha1(header, usedforsecurity=False)) == self.git_blob
        return True


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of one revision of a model."""

    revision: str
    """Names the content for good where the hub tells a commit, else what was asked for."""
    files: tuple[HubFile, ...]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a file is fetched from."""

    url: str
    headers: Mapping[str, str]
    """Sent to this host only; a redirect to another one is followed without them."""


class Hub(Protocol):
    """A hub's HTTP interface and its library's cache folder. Reads the environment as the library does."""

    name: str
    """As people call it."""
    cache_variable: str
    """The environment variable that names another cache folder."""

    @property
    def endpoint(self) -> str:
        """Its address."""
        ...

    @property
    def cache(self) -> Path:
        """The library's cache folder."""
        ...

    def repository(self, model: str) -> Path:
        """The folder of a model in the cache."""
        ...

    def kept(self, model: str, revision: str) -> tuple[Path, ...]:
        """Folders in which the library, or an older one, keeps this revision ("": the newest); they may be missing."""
        ...

    def listing(self, model: str, revision: str) -> Listing:
        """What the hub tells of a revision ("": the newest).

        Raises EngineUnavailable where it knows no such model or revision, HubUnreachable where it does not answer.
        """
        ...

    def address(self, model: str, revision: str, path: str) -> Address: ...

    def refusal(self, error: HTTPError, model: str, revision: str) -> EngineUnavailable:
        """What an error status of the hub says about a model, in one sentence with the cure."""
        ...


def hub_named(name: str) -> Hub:
    """The hub of a model reference's prefix. Raises EngineUnavailable where there is none."""
    if name == "huggingface":
        from asr.hubs.huggingface import HuggingFace

        return HuggingFace()
    if name == "modelscope":
        from asr.hubs.modelscope import ModelScope

        return ModelScope()
    raise EngineUnavailable(f"there is no model hub {name}; a model reference begins with modelscope: or huggingface:")


def _digest(path: Path, begun: "hashlib._Hash") -> str:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            begun.update(block)
    return begun.hexdigest()
