"""The lease of a running job, kept as long as its work goes on."""

import threading
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

import structlog

from callscribe.domain.errors import StorageError
from storage.jobs import RUN_LEASE_S

log = structlog.get_logger()

RENEWALS = 3
"""Renewals within a lease: one may fail."""


class RenewableJobs(Protocol):
    """Where leases are renewed (storage.jobs.JobStore)."""

    def renew(self, job_id: UUID, lease_s: float) -> bool: ...


class KeptLease:
    """Renews a running job's lease in a thread of its own, from `with` to the end of its block."""

    def __init__(self, jobs: RenewableJobs, job_id: UUID, lease_s: float = RUN_LEASE_S) -> None:
        self._jobs = jobs
        self._job_id = job_id
        self._lease_s = lease_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="job-lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._over.wait(self._lease_s / RENEWALS):
            try:
                if not self._jobs.renew(self._job_id, self._lease_s):
                    log.warning("job_lease_lost", job_id=str(self._job_id))
                    return
            except StorageError as error:
                log.warning("job_lease_not_renewed", job_id=str(self._job_id), reason=str(error))
