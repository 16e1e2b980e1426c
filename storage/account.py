"""The operating system account that the embedded Postgres runs as: Postgres refuses to run as root."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

import structlog

from callscribe.domain.errors import StorageError

log = structlog.get_logger()

STAND_INS = ("callscribe", "postgres", "nobody")
"""Who runs the server when root starts it and its folder is new: the first account that exists."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who a server process runs as."""

    uid: int
    gid: int
    name: str
    switched: bool
    """True when this process runs as root and gives the account's rights to its children."""

    def own(self, path: Path) -> None:
        """Give the account what root has just made."""
        if self.switched:
            os.chown(path, self.uid, self.gid)


def server_account(folder: Path) -> Account:
    """This user; for root, the owner of `folder` where it has one that is not root, else a stand-in.

    Raises StorageError when the folder belongs to somebody else, or no stand-in exists.
    """
    owner = folder.stat().st_uid if folder.exists() else None
    uid = os.geteuid()
    if uid != 0:
        if owner not in (None, uid):
            raise StorageError(f"{folder} belongs to another user; run as that user or choose another data folder")
        return Account(uid, os.getegid(), _name_of(uid), switched=False)
    if owner:
        return Account(owner, folder.stat().st_gid, _name_of(owner), switched=True)
    for name in STAND_INS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, name, switched=True)
    raise StorageError("Postgres does not run as root: start Callscribe as an ordinary user")


def grant_search(path: Path, account: Account) -> None:
    """Let `account` reach `path` where root has closed a folder above it: search permission, not reading."""
    for folder in path.parents:
        status = folder.stat()
        if status.st_uid == account.uid or status.st_mode & stat.S_IXOTH:
            continue
        folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
        log.warning("folder_opened_for_search", folder=str(folder), account=account.name)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
