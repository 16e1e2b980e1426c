"""ModelScope: its HTTP interface and the cache folder of its package, which need not be installed."""

import os
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from asr.hubs import Address, HubFile, HubUnreachable, Listing
from asr.hubs.transfer import read_json
from callscribe.domain.errors import EngineUnavailable

_NEWEST = "master"
_FOLDER = "tree"


class _Entry(BaseModel):
    """A file or folder of a model."""

    Path: str
    Size: int = 0
    Sha256: str | None = None
    Type: str = "blob"


class _Tree(BaseModel):
    """The files and folders of a model."""

    Files: list[_Entry]


class _Answer(BaseModel):
    """What the hub answers to a question for files."""

    Data: _Tree


class ModelScope:
    """modelscope.cn, or what MODELSCOPE_ENDPOINT (or the older MODELSCOPE_DOMAIN) names."""

    name = "ModelScope"
    cache_variable = "MODELSCOPE_CACHE"

    @property
    def endpoint(self) -> str:
        named = os.environ.get("MODELSCOPE_ENDPOINT") or os.environ.get("MODELSCOPE_DOMAIN") or "https://modelscope.cn"
        return (named if "://" in named else f"https://{named}").rstrip("/")

    @property
    def cache(self) -> Path:
        named = os.environ.get("MODELSCOPE_CACHE")
        return Path(named).expanduser() if named else Path.home() / ".cache" / "modelscope"

    def repository(self, model: str) -> Path:
        return self.cache / "models" / model.replace("/", "--")

    def kept(self, model: str, revision: str) -> tuple[Path, ...]:
        snapshot = self.repository(model) / "snapshots" / (revision or _NEWEST)
        owner, name = model.split("/", 1)
        # Releases before 1.38 wrote a dot so, kept one revision only, and did not tell which.
        older = Path("models", owner, name.replace(".", "___"))
        return (snapshot,) if revision else (snapshot, self.cache / older, self.cache / "hub" / older)

    def listing(self, model: str, revision: str) -> Listing:
        wanted = revision or _NEWEST
        question = urlencode({"Revision": wanted, "Recursive": "True"})
        address = Address(f"{self.endpoint}/api/v1/models/{model}/repo/files?{question}", _headers())
        try:
            told = _Answer.model_validate(read_json(address))
        except HTTPError as error:
            error.close()
            raise self.refusal(error, model, wanted) from error
        except ValidationError as error:
            raise HubUnreachable(f"what {self.endpoint} answers about {model} is no list of files") from error
        entries = [entry for entry in told.Data.Files if entry.Type != _FOLDER]
        return Listing(wanted, tuple(HubFile(entry.Path, entry.Size, entry.Sha256 or "") for entry in entries))

    def address(self, model: str, revision: str, path: str) -> Address:
        place = urlencode({"Revision": revision, "FilePath": path})
        return Address(f"{self.endpoint}/api/v1/models/{model}/repo?{place}", _headers())

    def refusal(self, error: HTTPError, model: str, revision: str) -> EngineUnavailable:
        if error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            return EngineUnavailable(
                f"ModelScope has no model {model} with a revision {revision}; correct its id or, where it is private, "
                "set MODELSCOPE_API_TOKEN"
            )
        return HubUnreachable(f"ModelScope answers with status {error.code}")


def _headers() -> dict[str, str]:
    token = os.environ.get("MODELSCOPE_API_TOKEN")
    # Its older addresses know the user by the cookie, its newer ones by the other header.
    secrets = {"Authorization": f"Bearer {token}", "Cookie": f"m_session_id={token}"} if token else {}
    return {"User-Agent": "callscribe"} | secrets
