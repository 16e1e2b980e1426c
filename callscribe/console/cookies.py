"""The cookies of a sign-in: out of reach for scripts, not sent by other sites' forms, over TLS only where there is."""

from starlette.requests import HTTPConnection
from starlette.responses import Response


class Cookie:
    """One cookie of this server."""

    def __init__(self, name: str, *, secure: bool) -> None:
        """`secure`: people come by https. Browsers then take it from this very host only (RFC 6265bis, 4.1.3)."""
        self._name = f"__Host-{name}" if secure else name
        self._secure = secure

    def of(self, connection: HTTPConnection) -> str:
        """What the browser sent; "" where it sent none."""
        return connection.cookies.get(self._name, "")

    def put(self, answer: Response, value: str, lifetime_s: int | None = None) -> None:
        """For so long; None: until the browser is closed, or asked for the password again."""
        answer.set_cookie(
            self._name, value, max_age=lifetime_s, path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    def remove(self, answer: Response) -> None:
        answer.delete_cookie(self._name, path="/", secure=self._secure, httponly=True, samesite="lax")
