"""`callscribe user` and `token`: who may use pages and API. They work on the database itself: the first account is made
before anybody can sign in."""

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from callscribe.config.settings import Settings
from callscribe.domain.access import AccountRole, Identity, Permission, User
from callscribe.domain.errors import SettingsError

if TYPE_CHECKING:
    from storage.database import Database

users = typer.Typer(help="Accounts of people and programs that use pages and API.", no_args_is_help=True)
tokens = typer.Typer(help="Tokens with which programs use the API.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the user; upper and lower case are the same.")]
TokenName = Annotated[str, typer.Argument(help="Name of the token.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
FromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, to its first line's end.")
]


@users.command("add")
def add_command(
    context: typer.Context,
    name: Name,
    role: Annotated[AccountRole, typer.Option("--role", help="What they may do.")],
    team: Annotated[str, typer.Option("--team", help="Whose calls a supervisor sees; none: all calls.")] = "",
    address: Annotated[
        list[str] | None,
        typer.Option("--address", help="Own extension, number or SIP address: an agent sees its calls. Repeatable."),
    ] = None,
    from_input: FromInput = False,
    no_password: Annotated[bool, typer.Option("--no-password", help="For an account that has tokens only.")] = False,
) -> None:
    """Make an account."""
    from storage.users import UserStore

    user = User(_told(name), role, team.strip(), tuple(address or ()))
    password = None if no_password else _password(from_input)
    with _database(context) as database, _bad_values():
        made = UserStore(database).add(user, password, getpass.getuser())
    typer.echo(f"{made.name} is {made.role}")


@users.command("list")
def list_users_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the accounts."""
    from storage.users import UserStore

    with _database(context) as database:
        found = UserStore(database).all()
    if as_json:
        typer.echo(json.dumps([asdict(user) for user in found]))
        return
    table = Table("name", "role", "team", "addresses", "state")
    for user in found:
        table.add_row(
            user.name, user.role, user.team, " ".join(user.addresses), "disabled" if user.disabled else "active"
        )
    Console().print(table)


@users.command("change")
def change_command(
    context: typer.Context,
    name: Name,
    role: Annotated[AccountRole | None, typer.Option("--role", help="What they may do from now on.")] = None,
    team: Annotated[str | None, typer.Option("--team", help='Another team; "": none.')] = None,
    address: Annotated[
        list[str] | None, typer.Option("--address", help="Own addresses, in place of those so far. Repeatable.")
    ] = None,
    no_address: Annotated[bool, typer.Option("--no-address", help="Own addresses: none.")] = False,
) -> None:
    """Change what an account may do and whose calls it sees, at once. What is not named stays."""
    from storage.users import UserStore

    addresses = () if no_address else tuple(address) if address else None
    if role is None and team is None and addresses is None:
        raise SettingsError("nothing to change: give --role, --team, --address or --no-address")
    with _database(context) as database:
        made = UserStore(database).change(name, role, team, addresses, getpass.getuser())
    typer.echo(f"{made.name} is {made.role}")


@users.command("password")
def password_command(context: typer.Context, name: Name, from_input: FromInput = False) -> None:
    """Give an account another password; browsers that signed in with it are signed out."""
    from storage.users import UserStore

    password = _password(from_input)
    with _database(context) as database, _bad_values():
        UserStore(database).set_password(name, password, getpass.getuser())
    typer.echo("changed")


@users.command("disable")
def disable_command(
    context: typer.Context,
    name: Name,
    enable: Annotated[bool, typer.Option("--enable", help="Let them in again.")] = False,
) -> None:
    """Let nobody in by an account and its tokens, at once. What it did stays in the audit log."""
    from storage.users import UserStore

    with _database(context) as database:
        UserStore(database).set_disabled(name, disabled=not enable, by=getpass.getuser())
    typer.echo("enabled" if enable else "disabled")


@users.command("link")
def link_command(
    context: typer.Context,
    name: Name,
    subject: Annotated[str, typer.Option("--subject", help="Whom the identity provider calls so (its claim sub).")],
) -> None:
    """Let somebody of the identity provider (web.oidc.issuer) in by an account that stands already."""
    from storage.identities import IdentityStore

    settings: Settings = context.obj.settings
    issuer = settings.web.oidc.issuer
    if not (issuer and subject.strip()):
        raise SettingsError("set web.oidc.issuer, and give --subject as the provider has it")
    with _database(context) as database:
        IdentityStore(database).link(name, Identity(issuer, subject.strip()), getpass.getuser())
    typer.echo("linked")


@tokens.command("create")
def create_command(
    context: typer.Context,
    name: TokenName,
    owner: Annotated[str, typer.Option("--owner", help="The user in whose name it asks; it may no more than they.")],
    scope: Annotated[list[Permission], typer.Option("--scope", help="What it may do. Repeatable.")],
    days: Annotated[float, typer.Option("--days", min=0, max=36_500, help="How long it holds; 0: for ever.")] = 90,
) -> None:
    """Make a token and print it. It is shown this once."""
    from storage.api_tokens import ApiTokenStore

    lifetime = timedelta(days=days) if days else None
    with _database(context) as database:
        typer.echo(ApiTokenStore(database).create(_told(name), owner, scope, lifetime, getpass.getuser()))


@tokens.command("list")
def list_tokens_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the tokens; not what they are."""
    from storage.api_tokens import ApiTokenStore

    with _database(context) as database:
        found = ApiTokenStore(database).all()
    if as_json:
        typer.echo(json.dumps([asdict(token) for token in found], default=str))
        return
    table = Table("name", "owner", "scopes", "expires", "last used")
    for token in found:
        table.add_row(
            token.name,
            token.user_name,
            " ".join(token.scopes),
            f"{token.expires_at:%Y-%m-%d}" if token.expires_at else "never",
            f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never",
        )
    Console().print(table)


@tokens.command("revoke")
def revoke_command(context: typer.Context, name: TokenName) -> None:
    """Let nobody in by a token any more."""
    from storage.api_tokens import ApiTokenStore

    with _database(context) as database:
        ApiTokenStore(database).revoke(name, getpass.getuser())
    typer.echo("revoked")


@contextmanager
def _database(context: typer.Context) -> "Iterator[Database]":
    from callscribe.cli.servers import opened_database

    settings: Settings = context.obj.settings
    with opened_database(settings) as database:
        yield database


@contextmanager
def _bad_values() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise SettingsError(str(error)) from error


def _told(name: str) -> str:
    if not name.strip():
        raise SettingsError("the name must not be empty")
    return name


def _password(from_input: bool) -> str:
    if from_input:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password
