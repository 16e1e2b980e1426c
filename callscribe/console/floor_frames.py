"""What is told of the floor's changes, as JSON: each row is written once, for all viewers that see it."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from pydantic import TypeAdapter

from callscribe.console.feed import Message
from callscribe.console.floor_board import FloorBoard, Standing
from callscribe.console.floor_models import FloorRowAnswer
from callscribe.console.models import LiveCallAnswer
from callscribe.console.push import frame
from callscribe.domain.access import CallScope
from callscribe.events.schema import json_bytes

_CALL, _ROW = TypeAdapter(LiveCallAnswer), TypeAdapter(FloorRowAnswer)


class FloorFrames:
    """The messages of one moment (callscribe.console.floor_models.FloorRowsAnswer)."""

    def __init__(self, board: FloorBoard) -> None:
        self._board = board
        self._at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        self._calls: dict[UUID, str] = {}
        self._rows: dict[UUID, str] = {}
        self._made: dict[tuple[CallScope | None, bool], Message | None] = {}

    def whole(self, scope: CallScope | None) -> Message | None:
        """All calls that the scope sees."""
        return self._once(scope, whole=True)

    def changes(self, scope: CallScope | None) -> Message | None:
        """What changed of them; None where nothing did."""
        return self._once(scope, whole=False)

    def _once(self, scope: CallScope | None, *, whole: bool) -> Message | None:
        key = scope, whole
        if key not in self._made:
            text = self._make(scope, whole=whole)
            message = Message("floor.rows", text)
            self._made[key] = replace(message, encoded=frame(message).encode()) if text else None
        return self._made[key]

    def _make(self, scope: CallScope | None, *, whole: bool) -> str:
        board = self._board
        calls = self._seen(scope, board.calls if whole else board.described)
        rows = self._seen(scope, board.calls if whole else board.changed)
        over: tuple[list[str], list[str]] = ([], [])
        for call_id, (standing, erased) in () if whole else board.gone.items():
            if scope is None or (standing is not None and standing.seen_in(scope)):
                over[erased].append(f'"{call_id}"')
        if not (whole or calls or rows or over[0] or over[1]):
            return ""
        parts = (
            f'"type":"floor.rows","at":"{self._at}","whole":{"true" if whole else "false"}',
            f'"calls":[{",".join(map(self._call, calls))}]',
            f'"rows":[{",".join(map(self._row, rows))}]',
            f'"ended":[{",".join(over[0])}],"erased":[{",".join(over[1])}]',
        )
        return f"{{{','.join(parts)}}}"

    def _seen(self, scope: CallScope | None, call_ids: Iterable[UUID]) -> Collection[Standing]:
        calls = self._board.calls
        return [calls[call_id] for call_id in call_ids if call_id in calls and calls[call_id].seen_in(scope)]

    def _call(self, standing: Standing) -> str:
        call_id = standing.call.id
        if call_id not in self._calls:
            self._calls[call_id] = json_bytes(_CALL, standing.call).decode()
        return self._calls[call_id]

    def _row(self, standing: Standing) -> str:
        call_id = standing.call.id
        if call_id not in self._rows:
            self._rows[call_id] = json_bytes(_ROW, standing.row()).decode()
        return self._rows[call_id]
