"""Programs that a test needs and pip does not bring: without them a test is skipped, and fails where CI=true."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

_PACKAGES = {
    "sipp": "sip-tester",
    "baresip": "baresip",
    "kamailio": "kamailio",
    "/usr/lib/x86_64-linux-gnu/kamailio/modules/tls.so": "kamailio-tls-modules",
    "ip": "iproute2",
    "nft": "nftables",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
    "/usr/share/asterisk/sounds/en_US_f_Allison": "asterisk-core-sounds-en-wav",
    "/usr/share/asterisk/moh": "asterisk-moh-opsound-wav",
    "/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz": "asterisk-core-sounds-en",
}


def require(program: str) -> str:
    """The path of a program or file of a Debian package; ends the test when it is not there."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None and Path(program).exists():
        path = program
    if path is not None:
        return path
    missing(f"{program} is not installed: apt install {_PACKAGES[program]}")


def missing(sentence: str) -> NoReturn:
    """End the test: it cannot do without what the sentence names."""
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)
