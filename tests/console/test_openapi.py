"""Every route by what its OpenAPI document says of it: Schemathesis makes up requests, right ones and wrong ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given
from hypothesis import settings as how_many
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from callscribe.config.settings import Settings
from callscribe.config.web import WebSettings
from callscribe.console.app import make_app
from callscribe.events.publisher import publish_now
from callscribe.events.settings import EventSettings
from storage.database import Database
from storage.settings import DatabaseSettings
from tests.console.conftest import Console, installation
from tests.console.guarding import guarded_console, token_for
from tests.console.switchboard import Switchboard

pytestmark = pytest.mark.integration

EXAMPLES = 8
"""Requests of each kind to each route."""
CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
LONGEST = 50_000
"""Characters of a request: the server reads no longer addresses."""
NEED_A_NODE = ("/pause", "/resume")
"""Endings of routes that a node answers, which there is none of here."""


@dataclass(frozen=True, slots=True)
class Api:
    """A console on which people must sign in, its description, and whom it lets in."""

    console: Console
    schema: BaseSchema
    token: dict[str, str]
    board: Switchboard


def _operations(*, told: bool = False) -> list[tuple[str, str]]:
    """Method and path of all that is described, but what never ends. `told`: of what is told something."""
    app = make_app(
        Settings(
            database=DatabaseSettings("postgresql://nobody@127.0.0.1:1/none"),
            events=EventSettings("redis://127.0.0.1:1/0"),
            web=WebSettings(sign_in="on"),
        )
    )
    return [
        (method, path)
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        if not told or operation.get("parameters") or "requestBody" in operation
        if "text/event-stream" not in operation["responses"].get("200", {}).get("content", {})
    ]


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """With a database of its own: what is made up here may erase anything."""
    with installation() as settings, guarded_console(settings) as console:
        database = Database(settings.database.url)
        token = {"Authorization": token_for(console, "root")["authorization"]}
        events = settings.events
        board = Switchboard(
            database,
            settings.recordings_folder,
            lambda event: publish_now(events.url, [event], events.stream_length),
        )
        schema = schemathesis.openapi.from_url(f"{console.url}/api/v1/openapi.json", headers=token)
        schema.config.generation.update(with_security_parameters=False)
        yield Api(console, schema, token, board)
        database.close()


def known(api: Api) -> dict[str, list[str]]:
    """By name of a path's part: values behind which there is something."""
    ended, live = api.board.start(), api.board.start()
    said = ended.final(0, 600, "Good morning, how can I help you?")
    ended.card(800, said, title="Greeting", text="Well done.")
    ended.end(recording=ended.record(2))
    live.final(1, 600, "I want my money back.")
    return {"key": [str(ended.id), str(live.id)], "utterance_id": [str(said)], "name": ["known"], "version": ["1"]}


def try_out(api: Api, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> set[int]:
    """Send requests and hold the answers against the description. The statuses that came."""
    there, turn, statuses = known(api), count(), set()

    @how_many(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(mode))
    def ask(case: Case[Any]) -> None:
        number = next(turn)
        if mode is GenerationMode.POSITIVE and number % 4:
            for part in case.path_parameters or {}:
                values = there.get(part, [str(uuid4())])
                case.path_parameters[part] = values[number % len(values)]
        assume(len(case.as_curl_command()) < LONGEST)
        answer = case.call_and_validate(
            base_url=api.console.url,
            headers=api.token,
            checks=[*CHECKS, ignored_auth] if mode is GenerationMode.POSITIVE else CHECKS,
            excluded_checks=[not_a_server_error] if operation.path.endswith(NEED_A_NODE) else [],
        )
        assert answer.status_code != HTTPStatus.INTERNAL_SERVER_ERROR
        statuses.add(answer.status_code)

    ask()
    return statuses


@pytest.mark.parametrize(("method", "path"), _operations())
def test_what_is_right_is_answered_as_described_and_not_without_a_token(api: Api, method: str, path: str) -> None:
    assert try_out(api, api.schema[path][method], GenerationMode.POSITIVE)


@pytest.mark.parametrize(("method", "path"), _operations(told=True))
def test_what_is_wrong_is_refused_as_described(api: Api, method: str, path: str) -> None:
    statuses = try_out(api, api.schema[path][method], GenerationMode.NEGATIVE)
    assert HTTPStatus.UNPROCESSABLE_ENTITY in statuses
