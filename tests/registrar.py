"""Kamailio as the registrar of a PBX, on 127.0.0.1 over UDP, TCP and TLS."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from callscribe.cli.ports import free_port
from telephony.settings import RegisterSettings
from tests.acceptance.service import wait_for
from tests.acceptance.tls import make_certificate
from tests.kamailio import answers, sip_port
from tests.peers import require

EXTENSIONS = {"udp": "4711", "tcp": "4712", "tls": "4713"}
"""What registers over each transport."""
CONFIGURATION = Path(__file__).with_name("registrar.cfg")
TLS_MODULE = "/usr/lib/x86_64-linux-gnu/kamailio/modules/tls.so"


@dataclass(slots=True)
class Registrar:
    """It forgets who registered when it is killed."""

    folder: Path
    certificate: Path
    key: Path
    port: int = field(default_factory=sip_port)
    tls_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def account(self, transport: str, password: str = "") -> RegisterSettings:
        """The extension of a transport there; without another password, the right one."""
        extension = EXTENSIONS[transport]
        return RegisterSettings(
            registrar=f"127.0.0.1:{self.tls_port if transport == 'tls' else self.port}",
            domain="pbx.test",
            extension=extension,
            password=password or f"secret-{extension}",
            transport=transport,
            expires_s=10,
            retry_s=1,
            tls_authorities=str(self.certificate) if transport == "tls" else "",
        )

    def start(self, algorithm: str = "SHA-256") -> None:
        """Start it, and wait until it answers."""
        named = {"CERTIFICATE": self.certificate, "KEY": self.key, "ALGORITHM": algorithm}
        defined = [word for name, value in named.items() for word in ("-A", f'{name}="{value}"')]
        places = (f"udp:127.0.0.1:{self.port}", f"tcp:127.0.0.1:{self.port}", f"tls:127.0.0.1:{self.tls_port}")
        listen = [word for place in places for word in ("-l", place)]
        files = ("-f", str(CONFIGURATION), "-Y", str(self.folder), "-P", str(self.folder / "pid"))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [require("kamailio"), "-DD", "-E", "-n", "2", "-N", "2", *files, *defined, *listen],
                stdout=log,
                stderr=log,
            )
        wait_for(lambda: answers(self.port), "Kamailio's answer")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(60)


def trunk(name: str, account: RegisterSettings) -> str:
    """A trunk that registers and lets nobody in by address, as the settings file has it."""
    values = "".join(f"{key} = {json.dumps(value)}\n" for key, value in asdict(account).items())
    return f'\n[[trunks]]\nname = "{name}"\nallow = []\n[trunks.register]\n{values}'


@contextmanager
def running_registrar() -> Iterator[Registrar]:
    """A registrar that runs, and is stopped afterwards whatever happens."""
    require("kamailio")
    require(TLS_MODULE)
    with tempfile.TemporaryDirectory(prefix="registrar-") as folder:
        registrar = Registrar(Path(folder), *make_certificate(Path(folder)))
        try:
            registrar.start()
            yield registrar
        except BaseException as error:
            error.add_note(registrar.log[-2000:])
            raise
        finally:
            registrar.stop()
