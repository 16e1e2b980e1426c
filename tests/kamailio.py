"""Kamailio with the configuration of deploy/, before SIP nodes on 127.0.0.1."""

import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.raw_sip import Asked, RawPeer
from tests.acceptance.service import wait_for
from tests.peers import require

CONFIGURATION = Path(__file__).parent.parent / "deploy" / "kamailio" / "kamailio.cfg"


def sip_port() -> int:
    """A port of 127.0.0.1 that is free for UDP and TCP."""
    with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        stream.bind(("127.0.0.1", 0))
        port = int(stream.getsockname()[1])
        datagrams.bind(("127.0.0.1", port))
        return port


@contextmanager
def running_kamailio(nodes: Sequence[int], *options: str, maxload: int = 4) -> Iterator[int]:
    """The proxy before the nodes on these ports, each of which gets at most `maxload` calls; gives its own port."""
    kamailio = require("kamailio")
    port = sip_port()
    with tempfile.TemporaryDirectory(prefix="kamailio-") as folder, (Path(folder) / "log").open("w+") as log:
        nodes_file = Path(folder) / "dispatcher.list"
        nodes_file.write_text("".join(f"1 sip:127.0.0.1:{node} 0 0 duid={node};maxload={maxload}\n" for node in nodes))
        listen = [word for kind in ("udp", "tcp") for word in ("-l", f"{kind}:127.0.0.1:{port}")]
        files = ("-f", str(CONFIGURATION), "-Y", folder, "-P", f"{folder}/pid", "-A", f'DISPATCHER_LIST="{nodes_file}"')
        process = subprocess.Popen(
            [kamailio, "-DD", "-E", "-n", "1", "-N", "1", *files, *options, *listen], stdout=log, stderr=log
        )
        try:
            wait_for(lambda: answers(port), "Kamailio's answer")
            yield port
        except BaseException as error:
            error.add_note((Path(folder) / "log").read_text(errors="replace")[-2000:])
            raise
        finally:
            process.terminate()
            process.wait(60)


def answers(port: int) -> bool:
    """Whether a SIP server of 127.0.0.1 answers a ping."""
    with RawPeer("UDP", port) as peer:
        try:
            peer.send(Asked("OPTIONS", start=f"OPTIONS sip:127.0.0.1:{port} SIP/2.0").data("UDP", peer.port))
        except ConnectionRefusedError:
            return False
        reply = peer.receive(0.2)
        return reply is not None and reply.status == 200
