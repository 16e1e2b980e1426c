"""The cookies of a sign-in: out of reach for scripts, not sent by other sites' forms, over TLS only where there is."""

from typing import Literal

from starlette.requests import HTTPConnection
from starlette.responses import Response


class Cookie:
    """One cookie of this server."""

    def __init__(self, name: str, *, secure: bool, framed: bool = False) -> None:
        """`secure`: people come by https. Browsers then take it from this very host only (RFC 6265bis, 4.1.3).

        `framed`: it is sent in frames of other sites too, one cookie for each site around (CHIPS); only where `secure`.
        """
        self._name = f"__Host-{name}" if secure else name
        self._secure = secure
        self._framed = framed and secure

    def of(self, connection: HTTPConnection) -> str:
        """What the browser sent; "" where it sent none."""
        return connection.cookies.get(self._name, "")

    def put(self, answer: Response, value: str, lifetime_s: int | None = None) -> None:
        """For so long; None: until the browser is closed, or asked for the password again."""
        self._set(answer, value, lifetime_s)

    def remove(self, answer: Response) -> None:
        self._set(answer, "", 0)

    def _set(self, answer: Response, value: str, lifetime_s: int | None) -> None:
        samesite: Literal["lax", "none"] = "none" if self._framed else "lax"
        answer.set_cookie(
            self._name, value, max_age=lifetime_s, path="/", secure=self._secure, httponly=True, samesite=samesite
        )
        if self._framed:
            # Python knows this attribute from 3.14 on.
            header, written = answer.raw_headers.pop()
            answer.raw_headers.append((header, written + b"; Partitioned"))
