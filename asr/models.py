"""Models by reference: a folder on this machine, or a model of a hub, which is downloaded once and checked.

A model of a hub lies in the cache folder of the hub's own library, where one that is there already serves. Beside it,
in `callscribe/`, are a lock, the files of a download that is not whole yet, and a receipt for each revision that is:
with one, the hub is not asked again, so that a model without a named revision stays what it was when first loaded.
"""

import fcntl
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError
from urllib.parse import quote

import structlog
from pydantic import BaseModel, ValidationError

from asr.hubs import Hub, HubFile, HubUnreachable, Listing, hub_named
from asr.hubs.transfer import fetch
from callscribe.domain.errors import EngineUnavailable

log = structlog.get_logger()

FORMS = "a model is a folder, modelscope:OWNER/NAME[@REVISION] or huggingface:OWNER/NAME[@REVISION]"
PROGRESS_S = 5.0
"""Seconds between two notes of how far a download is."""
_ON_HUB = re.compile(r"(modelscope|huggingface):(\w[\w.-]*/\w[\w.-]*)(?:@(\w[\w.-]*(?:/\w[\w.-]*)*))?")
_CODE = re.compile(r"\.(py|pyc|pyi|ipynb|sh|bat|ps1|js|c|cc|cpp|cu|h|java|go|rs|so|dll|dylib|exe|jar|whl)", re.I)
_FOR_PEOPLE = re.compile(r"\.(md|html|css|pdf|png|jpe?g|gif|svg|webp|wav|mp3|flac|ogg|m4a|mp4)", re.I)
_TRIES = 2
"""Downloads of a file until what arrived is what the hub tells."""


class _Receipt(BaseModel):
    """Tells that a model is whole."""

    folder: str
    """Below the hub's cache folder, which may have been moved since."""
    revision: str
    files: dict[str, int]
    """Bytes of each."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A model of a hub."""

    reference: str
    hub: Hub
    model: str
    revision: str
    """"": the newest."""

    @property
    def own(self) -> Path:
        """What is kept beside the model."""
        return self.hub.repository(self.model) / "callscribe"

    @property
    def receipt(self) -> Path:
        return self.own / f"receipt-{self._label}.json"

    @property
    def unfinished(self) -> Path:
        """Where files lie until all are there."""
        return self.own / f"unfinished-{self._label}"

    @property
    def _label(self) -> str:
        return quote(self.revision, safe="") or "@newest"


def model_folder(reference: str) -> Path:
    """The folder of a model, downloaded where it is not on this machine yet.

    Raises EngineUnavailable, in one sentence with the cure, when there is no such folder or model, when the hub does
    not answer, when a file arrives corrupt twice, and when the disk does not take it. Waits for another process that is
    downloading the same model.
    """
    on_hub = _ON_HUB.fullmatch(reference)
    if on_hub is None:
        return _local(reference)
    wanted = _Wanted(reference, hub_named(on_hub[1]), on_hub[2], on_hub[3] or "")
    try:
        return _kept(wanted) or _obtained(wanted)
    except OSError as error:
        raise EngineUnavailable(
            f"{reference} cannot be kept in {wanted.hub.cache} ({error.strerror}); make room there, or name another "
            f"folder with {wanted.hub.cache_variable}"
        ) from error


def is_reference(text: str) -> bool:
    """True for what `model_folder` would not refuse for its form: a model of a hub, or a folder that is there."""
    return bool(text) and (_ON_HUB.fullmatch(text) is not None or Path(text).expanduser().is_dir())


def _local(reference: str) -> Path:
    folder = Path(reference).expanduser()
    if not reference or not folder.is_dir():
        raise EngineUnavailable(f"there is no folder {reference or 'without a name'}; {FORMS}")
    return folder


def _kept(wanted: _Wanted) -> Path | None:
    """The folder, where a receipt tells that it is whole and nothing is missing since."""
    try:
        receipt = _Receipt.model_validate_json(wanted.receipt.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    folder = wanted.hub.cache / receipt.folder
    paths = ((folder / path, size) for path, size in receipt.files.items())
    return folder if all(path.is_file() and path.stat().st_size == size for path, size in paths) else None


def _obtained(wanted: _Wanted) -> Path:
    try:
        listing = wanted.hub.listing(wanted.model, wanted.revision)
        with _locked(wanted):
            return _kept(wanted) or _completed(wanted, listing)
    except HubUnreachable as error:
        return _unverified(wanted, error)


def _unverified(wanted: _Wanted, error: HubUnreachable) -> Path:
    """What the hub's library has left on this machine, where the hub cannot be asked whether it is whole."""
    for folder in wanted.hub.kept(wanted.model, wanted.revision):
        broken_off = [*wanted.hub.repository(wanted.model).rglob("*.incomplete"), *folder.rglob("*.incomplete")]
        if folder.is_dir() and any(folder.iterdir()) and not broken_off and not wanted.unfinished.exists():
            log.warning("model_not_verified", model=wanted.reference, folder=str(folder), reason=str(error))
            return folder
    raise EngineUnavailable(
        f"{wanted.reference} is not on this machine and {error}; try again, or put its files into a folder and name "
        "that folder instead"
    ) from error


@contextmanager
def _locked(wanted: _Wanted) -> Iterator[None]:
    """No other process downloads the model meanwhile; the lock of one that died is free."""
    wanted.own.mkdir(parents=True, exist_ok=True)
    with (wanted.own / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("model_download_awaited", model=wanted.reference)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _completed(wanted: _Wanted, listing: Listing) -> Path:
    """The folder with all of the listing's files in it, whole."""
    files = [file for file in listing.files if _is_model_file(file.path)]
    if not files:
        raise EngineUnavailable(f"{wanted.reference} has no files that belong to a model; correct its id")
    snapshot = wanted.hub.repository(wanted.model) / "snapshots" / listing.revision
    for folder in (snapshot, *wanted.hub.kept(wanted.model, wanted.revision)):
        if all(file.is_whole(folder / file.path) for file in files):
            break
    else:
        folder = snapshot
        _download(wanted, listing, [file for file in files if not file.is_whole(snapshot / file.path)])
        _move(wanted.unfinished, snapshot)
    receipt = _Receipt(
        folder=str(folder.relative_to(wanted.hub.cache)),
        revision=listing.revision,
        files={file.path: file.size for file in files},
    )
    written = wanted.receipt.with_suffix(".new")
    written.write_text(receipt.model_dump_json(indent=2))
    written.replace(wanted.receipt)
    log.info("model_ready", model=wanted.reference, folder=str(folder), revision=listing.revision)
    return folder


def _is_model_file(path: str) -> bool:
    """False for code, for what only people read, and for a path that leads out of the model's folder."""
    place = PurePosixPath(path)
    if place.is_absolute() or "\\" in path or any(part.startswith(".") for part in place.parts):
        return False
    return not any(kind.fullmatch(place.suffix) for kind in (_CODE, _FOR_PEOPLE))


class Progress:
    """Notes how far a download is, every PROGRESS_S."""

    def __init__(self, model: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`total`: bytes; `clock` tells seconds."""
        self._model, self._total, self._clock = model, total, clock
        self._done = 0
        self._due = clock() + PROGRESS_S

    def add(self, received: int) -> None:
        """So many bytes more, or less where some were of no use."""
        self._done += received
        if self._clock() >= self._due:
            self._due = self._clock() + PROGRESS_S
            log.info("model_downloading", model=self._model, done_bytes=self._done, total_bytes=self._total)


def _download(wanted: _Wanted, listing: Listing, files: list[HubFile]) -> None:
    """Bring the files into the folder of unfinished ones, whole. What is there from an earlier time is gone on with."""
    total = sum(file.size for file in files)
    log.info("model_download_began", model=wanted.reference, files=len(files), total_bytes=total)
    _discard_all_but(wanted.unfinished, files)
    progress = Progress(wanted.reference, total)
    for file in files:
        place = wanted.unfinished / file.path
        if file.is_whole(place):
            progress.add(file.size)
            continue
        try:
            _bring(wanted, listing.revision, file, progress)
        except HTTPError as error:
            error.close()
            raise wanted.hub.refusal(error, wanted.model, wanted.revision) from error


def _bring(wanted: _Wanted, revision: str, file: HubFile, progress: Progress) -> None:
    place = wanted.unfinished / file.path
    part = _part(place, file)
    for _ in range(_TRIES):
        fetch(wanted.hub.address(wanted.model, revision, file.path), file, part, progress.add)
        if file.is_whole(part):
            part.replace(place)
            return
        log.warning("model_file_corrupt", model=wanted.reference, file=file.path)
        part.unlink()
        progress.add(-file.size)
    raise EngineUnavailable(
        f"{file.path} of {wanted.reference} arrived corrupt {_TRIES} times; try again later, or put the "
        "model's files into a folder and name that folder instead"
    )


def _part(place: Path, file: HubFile) -> Path:
    """Where a file grows: beside its place, under a name that another content would not have."""
    return place.with_name(f"{place.name}.{(file.sha256 or file.git_blob)[:8]}.part")


def _discard_all_but(folder: Path, files: list[HubFile]) -> None:
    """What is left of an earlier time, when the hub told of other files."""
    places = {folder / file.path: file for file in files}
    awaited = {*places, *(_part(place, file) for place, file in places.items())}
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if path not in awaited:
            path.unlink()


def _move(source: Path, target: Path) -> None:
    """What stands in `target` alone stays there."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
        return
    for file in [path for path in source.rglob("*") if path.is_file()]:
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
    shutil.rmtree(source)
