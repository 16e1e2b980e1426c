"""Routes: which calls go where, and what of a request can never get into a target."""

import pytest

from telephony.routes import Routes, RouteSettings, called_user

DESK = RouteSettings("100", "sip:desk@pbx.example.com;transport=tcp", ("pbx",))
NUMBERS = RouteSettings(r"2[0-9]{3}|\+1555[0-9#]{4}", "sip:{user}@192.0.2.1:5070", ("pbx", "branch"))
OTHERS = RouteSettings("300", "sip:300@192.0.2.2", ("branch",))
ROUTES = Routes((DESK, NUMBERS, OTHERS))


@pytest.mark.parametrize(
    ("trunk", "user", "target"),
    [
        ("pbx", "100", "sip:desk@pbx.example.com;transport=tcp"),
        ("pbx", "2001", "sip:2001@192.0.2.1:5070"),
        ("branch", "+15550123", "sip:+15550123@192.0.2.1:5070"),
        ("branch", "+1555#123", "sip:+1555%23123@192.0.2.1:5070"),
    ],
)
def test_the_first_route_of_the_trunk_that_matches_is_taken(trunk: str, user: str, target: str) -> None:
    route = ROUTES.find(trunk, user)
    assert route is not None
    assert route.target_of(user) == target


@pytest.mark.parametrize("user", ["", "1001", "20011", "2001@evil.example.com", "2001;x", "2001\n", "٢٠٠١", "300"])
def test_what_no_route_of_the_trunk_names_goes_nowhere(user: str) -> None:
    assert ROUTES.find("pbx", user) is None


def test_a_number_of_another_trunk_is_known_as_such() -> None:
    assert ROUTES.is_others("300")
    assert not ROUTES.is_others("301")


def test_only_trunks_that_routes_name_are_bound() -> None:
    assert [ROUTES.bind(name) for name in ("pbx", "branch", "default")] == [True, True, False]
    assert not Routes().bind("default")


def test_nothing_that_could_end_the_user_part_stands_for_it() -> None:
    """Also where the expression lets it through."""
    loose = RouteSettings(".{0,32}", "sip:{user}@192.0.2.1", ("pbx",))
    routes = Routes((loose,))
    for user in ("1@evil.example.com", "1:x", "1;maddr=evil", "1?to=x", "1 2", "<1>", "%40", "1>", "٢"):
        assert routes.find("pbx", user) is None
    assert routes.find("pbx", "1.2-3_4") == loose


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:2001@host", "2001"),
        ("sip:2001:secret@host", "2001"),
        ("sip:2001;phone-context=x@host", "2001"),
        ("sip:%32001@host", "2001"),
        ("sip:2001%40evil@host", "2001@evil"),
        ("tel:+15550123;phone-context=x", "+15550123"),
        ("sip:host", ""),
        ("nonsense", ""),
    ],
)
def test_the_called_user_is_read_without_what_surrounds_it(uri: str, user: str) -> None:
    assert called_user(uri) == user


def test_a_route_tells_where_its_target_is() -> None:
    secure = RouteSettings("1", "sip:x@sbc.example.com;transport=tls", ("pbx",))
    assert [(r.host, r.port, r.transport) for r in (DESK, NUMBERS, secure)] == [
        ("pbx.example.com", 5060, "tcp"),
        ("192.0.2.1", 5070, "udp"),
        ("sbc.example.com", 5061, "tls"),
    ]


@pytest.mark.parametrize(
    ("change", "cure"),
    [
        ({"match": "("}, "match is no regular expression"),
        ({"target": "tel:+1"}, "target must be a SIP URI"),
        ({"target": "sip:x@host:99999"}, "target must be a SIP URI"),
        ({"target": "sip:{number}@host"}, "target must be a SIP URI"),
        ({"target": "sip:x@{user}"}, "target must be a SIP URI"),
        ({"target": "sip:{user}{user}@host", "match": "1"}, "target must be a SIP URI"),
        ({"target": "sip:{user}@host", "match": "[0-9]+"}, "match must bound how long"),
        ({"target": "sip:{user}@host", "match": ".*"}, "match must bound how long"),
        ({"trunks": ()}, "trunks must name"),
        ({"ring_s": 0}, "ring_s"),
        ({"username": "x"}, "belong together"),
        ({"user_from_to": True}, "user_from_to is for a target with {user}"),
    ],
)
def test_what_is_wrong_with_a_route_is_said(change: dict[str, object], cure: str) -> None:
    usual: dict[str, object] = {"match": "100", "target": "sip:desk@host", "trunks": ("pbx",)}
    with pytest.raises(ValueError, match=cure):
        RouteSettings(**{**usual, **change})  # type: ignore[arg-type]  # fields by name
