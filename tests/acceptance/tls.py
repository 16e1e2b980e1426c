"""Certificates for TLS ports, and for peers that show one."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pair:
    """PEM files of a certificate and its key."""

    certificate: Path
    key: Path


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 and its key; their paths."""
    made = make_pair(folder, "certificate", address="127.0.0.1")
    return made.certificate, made.key


def make_pair(folder: Path, name: str, *, address: str = "", signer: Pair | None = None) -> Pair:
    """Write a certificate, for an IP address too, and its key; without a signer it signs itself."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}-key.pem")
    signed = ["-CA", str(signer.certificate), "-CAkey", str(signer.key)] if signer else []
    alternative = ["-addext", f"subjectAltName=IP:{address}"] if address else []
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", f"/CN={name}", *alternative, *signed,
         "-keyout", str(pair.key), "-out", str(pair.certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return pair
