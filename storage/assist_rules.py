"""Assist rules and their versions."""

from collections.abc import Callable, Mapping

import structlog
from pydantic import ValidationError
from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from callscribe.domain.errors import AssistRuleOutdated, TooManyAssistRules
from callscribe.text.assist_rules import MAX_RULES, AssistRule, NamedRule
from storage.audit import write_audit
from storage.clean import clean_name
from storage.database import Database
from storage.models import AssistRuleRow

log = structlog.get_logger()

NOBODY = "api"
"""Who changed a rule, for the audit log, where nobody was named."""


def anything(version: int) -> bool:
    """Whatever version stands may be changed."""
    return True


class AssistRuleStore:
    """Keeps assist rules, and every version of them. All methods raise DatabaseUnavailable.

    `by`: who asks for a change, "" where that is not known. `expects`: which version may stand before it, 0 where there
    is no rule; where it is false of the one that does, AssistRuleOutdated is raised.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[NamedRule, ...]:
        """The newest version of each rule that has not been removed, by name, but those that another release wrote and
        this one does not know."""
        with self._database.transaction() as session:
            return tuple(named for row in session.scalars(_newest()) if (named := _read(row)) is not None)

    def newest(self) -> Mapping[str, int]:
        """The version of each rule, removed ones too: what tells cheaply whether any has changed."""
        query = select(AssistRuleRow.name, func.max(AssistRuleRow.version)).group_by(AssistRuleRow.name)
        with self._database.transaction() as session:
            return dict(session.execute(query).all())

    def find(self, name: str, version: int | None = None) -> NamedRule | None:
        """This version of a rule, or the newest; None where there is none, it was removed or is not known here."""
        query = _newest().where(AssistRuleRow.name == clean_name(name))
        if version is not None:
            query = select(AssistRuleRow).where(
                AssistRuleRow.name == clean_name(name), AssistRuleRow.version == version
            )
        with self._database.transaction() as session:
            row = session.scalar(query)
            return None if row is None else _read(row)

    def put(self, name: str, rule: AssistRule, by: str = "", expects: Callable[[int], bool] = anything) -> NamedRule:
        """Make the rule, or a new version of it, unless nothing is changed by that. Raises TooManyAssistRules."""
        with self._database.transaction() as session:
            newest = _hold_newest(session, clean_name(name))
            if newest is not None and (known := _read(newest)) is not None and known.rule == rule:
                return known
            if not expects(_standing(newest)):
                raise AssistRuleOutdated
            if not _standing(newest):
                _make_sure_of_place(session)
            return _named(_add(session, clean_name(name), newest, rule, by))

    def delete(self, name: str, by: str = "", expects: Callable[[int], bool] = anything) -> bool:
        """Let it give no more cards; False when there is none. Its versions and cards stay."""
        with self._database.transaction() as session:
            newest = _hold_newest(session, clean_name(name))
            if newest is None or newest.definition is None:
                return False
            if not expects(newest.version):
                raise AssistRuleOutdated
            _add(session, newest.name, newest, None, by)
            return True


def _newest() -> Select[AssistRuleRow]:
    newest = select(AssistRuleRow).ext(distinct_on(AssistRuleRow.name))
    return newest.order_by(AssistRuleRow.name, AssistRuleRow.version.desc())


def _hold_newest(session: Session, name: str) -> AssistRuleRow | None:
    """Nobody else makes a version of it until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"assist rule {name}", 0))))
    return session.scalar(_newest().where(AssistRuleRow.name == name))


def _standing(newest: AssistRuleRow | None) -> int:
    return 0 if newest is None or newest.definition is None else newest.version


def _make_sure_of_place(session: Session) -> None:
    """For one rule more; nobody else makes one until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("assist rules", 0))))
    if sum(row.definition is not None for row in session.scalars(_newest())) >= MAX_RULES:
        raise TooManyAssistRules


def _add(session: Session, name: str, newest: AssistRuleRow | None, rule: AssistRule | None, by: str) -> AssistRuleRow:
    """The audit log names the rule, not what is on it."""
    who = clean_name(by.strip())
    row = AssistRuleRow(
        name=name,
        version=newest.version + 1 if newest else 1,
        definition=None if rule is None else rule.model_dump(mode="json"),
        by=who,
    )
    session.add(row)
    session.flush()
    action = "rules.deleted" if rule is None else "rules.changed"
    write_audit(session, action=action, subject=name, by=who or NOBODY, detail={"version": row.version})
    return row


def _named(row: AssistRuleRow) -> NamedRule:
    return NamedRule(row.name, row.version, AssistRule.model_validate(row.definition))


def _read(row: AssistRuleRow) -> NamedRule | None:
    """None where it was removed, or is none of this release's: that one is not to keep others from being read."""
    if row.definition is None:
        return None
    try:
        return _named(row)
    except ValidationError:
        log.warning("assist_rule_unknown", rule=row.name, version=row.version, cure="PUT /api/v1/rules/NAME")
        return None
