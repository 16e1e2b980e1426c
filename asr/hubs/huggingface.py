"""Hugging Face: its HTTP interface (https://huggingface.co/docs/hub/api) and the cache folder of huggingface_hub.

The library is asked for the address, the user's token and the cache folder, not for the files: it does not compare them
with their digests, and what a killed download had received it fetches again.
"""

import re
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote

from huggingface_hub import constants, get_token
from pydantic import BaseModel, ValidationError

from asr.hubs import Address, HubFile, HubUnreachable, Listing
from asr.hubs.transfer import read_json
from callscribe.domain.errors import EngineUnavailable

_NEWEST = "main"
_COMMIT = re.compile(r"[0-9a-f]{40}")


class _Lfs(BaseModel):
    """A file that is kept in Git LFS."""

    sha256: str


class _Sibling(BaseModel):
    """A file of a model."""

    rfilename: str
    size: int
    blobId: str = ""  # noqa: N815 - the hub's name
    lfs: _Lfs | None = None


class _Model(BaseModel):
    """What is read of the hub's answer about a model."""

    sha: str
    siblings: list[_Sibling]


class HuggingFace:
    """huggingface.co, or what HF_ENDPOINT names."""

    name = "Hugging Face"
    cache_variable = "HF_HOME"

    @property
    def endpoint(self) -> str:
        return constants.ENDPOINT

    @property
    def cache(self) -> Path:
        return Path(constants.HF_HUB_CACHE).expanduser()

    def repository(self, model: str) -> Path:
        return self.cache / f"models--{model.replace('/', '--')}"

    def kept(self, model: str, revision: str) -> tuple[Path, ...]:
        repository, commit = self.repository(model), revision
        if not _COMMIT.fullmatch(revision):
            reference = repository / "refs" / (revision or _NEWEST)
            commit = reference.read_text().strip() if reference.is_file() else ""
        return (repository / "snapshots" / commit,) if commit else ()

    def listing(self, model: str, revision: str) -> Listing:
        if constants.HF_HUB_OFFLINE:
            raise HubUnreachable("HF_HUB_OFFLINE forbids to ask Hugging Face")
        wanted = quote(revision or _NEWEST, safe="")
        address = Address(f"{self.endpoint}/api/models/{model}/revision/{wanted}?blobs=true", _headers())
        try:
            told = _Model.model_validate(read_json(address))
        except HTTPError as error:
            error.close()
            raise self.refusal(error, model, revision) from error
        except ValidationError as error:
            raise HubUnreachable(f"what {self.endpoint} answers about {model} is no list of files") from error
        return Listing(told.sha, tuple(_file(sibling) for sibling in told.siblings))

    def address(self, model: str, revision: str, path: str) -> Address:
        return Address(f"{self.endpoint}/{model}/resolve/{quote(revision, safe='')}/{quote(path)}", _headers())

    def refusal(self, error: HTTPError, model: str, revision: str) -> EngineUnavailable:
        """The hub answers 401 for a model that there is not, as it does for one that it hides."""
        reason = error.headers.get("X-Error-Code", "")
        if reason == "RevisionNotFound":
            return EngineUnavailable(
                f"Hugging Face has no revision {revision} of {model}; leave out @{revision} or correct it"
            )
        if reason == "GatedRepo":
            return EngineUnavailable(
                f"Hugging Face gives {model} only to who has accepted its terms; accept them there and set HF_TOKEN"
            )
        if error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            return EngineUnavailable(
                f"Hugging Face has no model {model}; correct its id or, where it is private, set HF_TOKEN"
            )
        return HubUnreachable(f"Hugging Face answers with status {error.code}")


def _headers() -> dict[str, str]:
    token = get_token()
    return {"User-Agent": "callscribe"} | ({"Authorization": f"Bearer {token}"} if token else {})


def _file(sibling: _Sibling) -> HubFile:
    if sibling.lfs:
        return HubFile(sibling.rfilename, sibling.size, sha256=sibling.lfs.sha256)
    return HubFile(sibling.rfilename, sibling.size, git_blob=sibling.blobId)
