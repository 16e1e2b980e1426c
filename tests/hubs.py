"""Model hubs on loopback: the routes of Hugging Face and ModelScope that downloads use, over the files of one model.

As the real ones do, they send whoever asks for a large file to another host, which answers ranges, and name digests in
their lists. That they are faithful shows in that the hubs' own libraries download from them.
"""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Literal
from urllib.parse import parse_qs, unquote, urlsplit

MODEL = "callscribe/tiny"
_LARGE_BYTES = 8_000
"""From here on a file is kept apart (LFS)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request."""

    place: Literal["hub", "store"]
    method: str
    path: str
    """With what follows the question mark."""
    first_byte: int
    """Of the range that was asked for; 0 without one."""
    secrets: tuple[str, ...]
    """Headers that tell who asks."""


@dataclass(slots=True)
class Mischief:
    """What goes wrong with the content of one file."""

    kind: Literal["corrupt", "breaks off", "hangs"]
    times: int
    upto: int = 0
    """Bytes of the file that are right."""


@dataclass(slots=True)
class Hubs:
    """Both hubs, with one model."""

    revisions: dict[str, Mapping[str, bytes]]
    """Files by path, by revision; the last one is the newest, and what is called main or master."""
    seen: list[Seen] = field(default_factory=list)
    mischief: dict[str, Mischief] = field(default_factory=dict)
    """By path of the file."""
    gated: bool = False
    """Whether Hugging Face gives the files only to who has accepted terms; it lists them to everybody."""
    stopping: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    store_url: str = ""
    """The other host, of the large files."""

    def files(self, revision: str) -> tuple[str, Mapping[str, bytes]] | None:
        """The commit of a revision and its files."""
        if revision in ("main", "master"):
            revision = list(self.revisions)[-1]
        for name, files in self.revisions.items():
            if revision in (name, commit(name)):
                return commit(name), files
        return None

    def content_requests(self) -> list[Seen]:
        """Those for the bytes of a large file."""
        return [seen for seen in self.seen if seen.place == "store" and seen.method == "GET"]


def commit(revision: str) -> str:
    """The commit that a revision names."""
    return hashlib.sha1(revision.encode()).hexdigest()


def is_large(content: bytes) -> bool:
    return len(content) >= _LARGE_BYTES


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def hubs(revisions: dict[str, Mapping[str, bytes]]) -> Iterator[Hubs]:
    """Serve the revisions of MODEL on free ports."""
    served = Hubs(revisions)
    hub = ThreadingHTTPServer(("127.0.0.1", 0), type("_Front", (_Front,), {"hubs": served}))
    store = ThreadingHTTPServer(("127.0.0.1", 0), type("_Store", (_Store,), {"hubs": served}))
    served.url, served.store_url = (f"http://127.0.0.1:{server.server_port}" for server in (hub, store))
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in (hub, store)]
    for thread in threads:
        thread.start()
    try:
        yield served
    finally:
        served.stopping.set()
        for server, thread in zip((hub, store), threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


class _Answering(BaseHTTPRequestHandler):
    """What both hosts have in common."""

    protocol_version = "HTTP/1.1"
    hubs: ClassVar[Hubs]
    place: ClassVar[Literal["hub", "store"]]

    def do_GET(self) -> None:
        secrets = tuple(name for name in ("authorization", "cookie") if name in self.headers)
        first = int((self.headers.get("Range") or "bytes=0-")[6:].partition("-")[0])
        self.hubs.seen.append(Seen(self.place, self.command, self.path, first, secrets))
        self.answer()

    def do_HEAD(self) -> None:
        self.do_GET()

    def answer(self) -> None:
        raise NotImplementedError

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests look at what was seen."""

    def send(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def send_json(self, answer: object, status: int = 200, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.send(status, {"Content-Type": "application/json", **named}, json.dumps(answer).encode())

    def send_content(self, path: str, content: bytes, headers: Mapping[str, str], *, ranges: bool) -> None:
        """A file's bytes, and what goes wrong with them."""
        asked = self.headers.get("Range")
        first = self.hubs.seen[-1].first_byte if ranges and asked else 0
        if ranges and asked and first >= len(content):
            self.send(416, {"Content-Range": f"bytes */{len(content)}"})
            return
        body = content[first:]
        length = {"Content-Length": str(len(body))}
        partial = {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"} if ranges and asked else {}
        wrong = self.hubs.mischief.get(path)
        if wrong is None or not wrong.times or self.command == "HEAD":
            self.send(206 if partial else 200, {**headers, **length, **partial}, body)
            return
        wrong.times -= 1
        right = body[: max(0, wrong.upto - first)]
        if wrong.kind == "corrupt":
            self.send(
                206 if partial else 200, {**headers, **length, **partial}, right + b"\xff" * (len(body) - len(right))
            )
            return
        self.send(206 if partial else 200, {**headers, **length, **partial}, right)
        self.wfile.flush()
        if wrong.kind == "hangs":
            self.hubs.stopping.wait(60)
        self.close_connection = True


class _Store(_Answering):
    """The host of the large files, which are named by their digest."""

    place = "store"

    def answer(self) -> None:
        for files in self.hubs.revisions.values():
            for path, content in files.items():
                if self.path == f"/{sha256(content)}":
                    self.send_content(path, content, {"ETag": f'"{sha256(content)}"'}, ranges=True)
                    return
        self.send(403, {})


class _Front(_Answering):
    """Hugging Face and ModelScope, whose routes differ."""

    place = "hub"

    def answer(self) -> None:
        parts = urlsplit(self.path)
        question = {name: values[0] for name, values in parse_qs(parts.query).items()}
        route = unquote(parts.path).strip("/").split("/")
        if route[:3] == ["api", "v1", "models"]:
            self._modelscope("/".join(route[3:5]), "/".join(route[5:]), question)
        elif route[:2] == ["api", "models"]:
            self._huggingface_api("/".join(route[2:4]), route[4:], question)
        elif route[:3] == ["api", "resolve-cache", "models"]:
            self._huggingface_small("/".join(route[3:5]), route[5], "/".join(route[6:]))
        elif len(route) > 4 and route[2] == "resolve":
            self._huggingface_file("/".join(route[:2]), route[3], "/".join(route[4:]))
        else:
            self.send(404, {})

    def _huggingface_api(self, model: str, route: list[str], question: Mapping[str, str]) -> None:
        """The description of a model, and the list of its files."""
        if model != MODEL:
            # Hidden models and those that do not exist are not to be told apart.
            self.send_json({"error": "Invalid username or password."}, 401, X_Error_Code="RepoNotFound")
            return
        found = self.hubs.files(route[1] if len(route) > 1 else "main")
        if found is None:
            self.send_json({"error": "Invalid rev id"}, 404, X_Error_Code="RevisionNotFound")
        elif route[0] == "tree":
            self.send_json([_tree_entry(path, content) for path, content in found[1].items()])
        else:
            siblings = [_sibling(path, content, "blobs" in question) for path, content in found[1].items()]
            self.send_json({"_id": "1", "id": MODEL, "modelId": MODEL, "sha": found[0], "siblings": siblings})

    def _huggingface_file(self, model: str, revision: str, path: str) -> None:
        found = self.hubs.files(revision) if model == MODEL else None
        if self.hubs.gated:
            self.send(401, {"X-Error-Code": "GatedRepo"})
            return
        if found is None or path not in found[1]:
            self.send(404, {"X-Error-Code": "EntryNotFound"})
            return
        commit_, content = found[0], found[1][path]
        headers = {"X-Repo-Commit": commit_, "X-Linked-Size": str(len(content)), "Accept-Ranges": "bytes"}
        if is_large(content):
            digest = sha256(content)
            location = f"{self.hubs.store_url}/{digest}"
            self.send(302, {**headers, "X-Linked-ETag": f'"{digest}"', "ETag": f'"{digest}"', "Location": location})
        else:
            location = f"/api/resolve-cache/models/{MODEL}/{commit_}/{path}"
            self.send(307, {**headers, "X-Linked-ETag": f'"{git_blob(content)}"', "Location": location})

    def _huggingface_small(self, model: str, revision: str, path: str) -> None:
        found = self.hubs.files(revision)
        assert model == MODEL
        assert found is not None
        headers = {"X-Repo-Commit": found[0], "ETag": f'"{git_blob(found[1][path])}"'}
        self.send_content(path, found[1][path], headers, ranges=True)

    def _modelscope(self, model: str, route: str, question: Mapping[str, str]) -> None:
        found = self.hubs.files(question.get("Revision", "master")) if model == MODEL else None
        if found is None:
            refusal = {"Code": 10010205001, "Message": "record not found", "RequestId": "1", "Success": False}
            self.send_json(refusal, 404)
        elif route == "repo/files":
            entries = [_modelscope_entry(path, content) for path, content in found[1].items()]
            folders = {path.rpartition("/")[0] for path in found[1]} - {""}
            entries += [{"Name": name, "Path": name, "Type": "tree", "Size": 0, "Sha256": ""} for name in folders]
            self.send_json({"Code": 200, "Data": {"Files": entries, "IsVisual": 0}, "Message": "", "Success": True})
        elif route == "repo" and question["FilePath"] in found[1]:
            path = question["FilePath"]
            content = found[1][path]
            if is_large(content):
                self.send(
                    302, {"Location": f"{self.hubs.store_url}/{sha256(content)}", "X-Linked-ETag": sha256(content)}
                )
            else:
                # Without a store behind it, it knows no ranges.
                self.send_content(path, content, {}, ranges=False)
        elif not route:
            self.send_json({"Code": 200, "Data": {"Path": "callscribe", "Name": "tiny"}, "Success": True})
        else:
            self.send_json({"Code": 404, "Message": "not found", "Success": False}, 404)


def _sibling(path: str, content: bytes, described: bool) -> dict[str, object]:
    if not described:
        return {"rfilename": path}
    sibling: dict[str, object] = {"rfilename": path, "size": len(content), "blobId": git_blob(content)}
    if is_large(content):
        sibling["lfs"] = {"sha256": sha256(content), "size": len(content), "pointerSize": 130}
        sibling["blobId"] = git_blob(b"pointer of " + path.encode())
    return sibling


def _tree_entry(path: str, content: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "oid": git_blob(content), "size": len(content), "path": path}
    if is_large(content):
        entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 130}
    return entry


def _modelscope_entry(path: str, content: bytes) -> dict[str, object]:
    name = path.rpartition("/")[2]
    return {
        "Name": name,
        "Path": path,
        "Size": len(content),
        "Sha256": sha256(content),
        "Type": "blob",
        "IsLFS": is_large(content),
        "Revision": commit(name),
    }
