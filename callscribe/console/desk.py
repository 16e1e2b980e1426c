"""The agent's page. It follows the agent's own calls, or those of an address, by itself."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from callscribe.config.web import WebSettings
from callscribe.console.pages import page
from callscribe.console.visitor import visitor_of
from callscribe.domain.access import AccountRole, Permission

router = APIRouter(include_in_schema=False)


@router.get("/desk")
def desk(request: Request) -> Response:
    """The desk; `?address=1042` names whose calls, for who has no address of their own."""
    web: WebSettings = request.app.state.web
    visitor = visitor_of(request)
    user = visitor.principal.user if visitor else None
    own = user.addresses if user else ()
    return page(
        request,
        "desk.html",
        addresses=own,
        may_choose=user is None or user.role is not AccountRole.AGENT,
        record_link=web.record_link,
        embed_origins=web.embed_origins,
        edits_all=visitor is None or visitor.principal.may(Permission.ADMIN),
    )
