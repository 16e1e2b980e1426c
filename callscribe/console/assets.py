"""The files of pages. A page names them under an address that changes when any of them does, so browsers keep them."""

import hashlib
import os
from pathlib import Path

from jinja2.ext import Extension
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from callscribe.console.wording import STATIC

KEPT = "public, max-age=31536000, immutable"


def _version(folder: Path) -> str:
    """A name for what the files of a folder have in them."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


VERSION = _version(STATIC)
"""Of all files together: a script names the others beside it, so they have one version."""


class Assets(StaticFiles):
    """The files, each at /static/NAME, which browsers ask for anew, and at /static/VERSION/NAME, which they keep."""

    def get_path(self, scope: Scope) -> str:
        path = super().get_path(scope)
        return os.path.normpath(path.removeprefix(VERSION + os.sep))

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        if scope["path"].startswith(f"/static/{VERSION}/"):
            answer.headers["cache-control"] = KEPT
        return answer


class NamedByVersion(Extension):
    """Templates say "/static/NAME", pages "/static/VERSION/NAME"."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return source.replace('"/static/', f'"/static/{VERSION}/')
