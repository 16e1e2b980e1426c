import base64
import json
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import redis

from callscribe.domain.errors import EventsUnavailable
from callscribe.events.embedded import EmbeddedValkey
from callscribe.jobs.app import HARD_LIMIT_S, QUEUE, SOFT_LIMIT_S, TASK, VISIBILITY_S, TaskQueue, make_app

pytestmark = pytest.mark.integration


class Notes:
    """Notes which jobs were to be done."""

    def __init__(self) -> None:
        self.jobs: list[UUID] = []

    def run(self, job_id: UUID) -> None:
        self.jobs.append(job_id)


def test_the_task_hands_its_id_to_the_runner() -> None:
    notes, job_id = Notes(), uuid4()
    app = make_app("redis://127.0.0.1:1/0", notes)
    app.tasks[TASK](str(job_id))
    assert notes.jobs == [job_id]


def test_the_broker_delivers_again_only_what_is_longer_than_any_task() -> None:
    conf = make_app("redis://127.0.0.1:1/0", Notes()).conf
    assert SOFT_LIMIT_S < HARD_LIMIT_S < VISIBILITY_S
    assert conf.broker_transport_options["visibility_timeout"] == VISIBILITY_S
    assert (conf.task_time_limit, conf.task_acks_late, conf.worker_prefetch_multiplier) == (HARD_LIMIT_S, True, 1)
    assert conf.accept_content == ["json"]


def test_a_message_holds_the_job_id_and_nothing_else_of_the_call(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path)
    queue = TaskQueue(make_app(valkey.start(), Notes()), valkey.url)
    job_id = uuid4()
    queue.send(job_id)
    assert queue.waiting() == 1
    with redis.Redis.from_url(valkey.url, decode_responses=True) as client:
        message = json.loads(client.lrange(QUEUE, 0, -1)[0])
    assert json.loads(base64.b64decode(message["body"]))[:2] == [[str(job_id)], {}]
    queue.close()
    valkey.stop()


def test_a_broker_that_is_away_is_told(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/none.sock"
    queue = TaskQueue(make_app(url, Notes()), url)
    with pytest.raises(EventsUnavailable):
        queue.waiting()
    with pytest.raises(EventsUnavailable):
        queue.send(uuid4())
    queue.close()
