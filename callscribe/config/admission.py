"""Settings of what is done when live recognition cannot keep up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """How the load decides about new calls and jobs."""

    by_load: bool = True
    """Refuse new calls, and hold jobs, by what the recognisers measure; False: it is only told."""
    late_s: float = 3.0
    """Seconds that the longest waiting audio may wait in every recogniser before new calls are refused."""
    hold_jobs_s: int = 900
    """Seconds that jobs wait at most for live recognition; 0: they never wait."""

    def __post_init__(self) -> None:
        if not 0.5 <= self.late_s <= 60.0:
            raise ValueError("late_s must be 0.5 to 60")
        if self.hold_jobs_s < 0:
            raise ValueError("hold_jobs_s must not be negative")
