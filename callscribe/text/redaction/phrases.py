"""Words that tell what a number is. Pure."""

import re
from dataclasses import dataclass

from callscribe.domain.redaction import RedactionKind

OTHER = "other"
"""A number that nobody needs to mask."""

_PHRASES = {
    RedactionKind.SECURITY_CODE: r"security (?:code|number)|c ?v ?[vc]2?|cb[bv]|verification (?:value|number)"
    r"|(?:three|3) digits?|on the back|pin(?: number| code)?|安全码|校验码|后三位|背面|密码",
    RedactionKind.EXPIRY: r"expir\w*(?: date| month)*|valid (?:until|thru|through|to)|good (?:until|thru|through)"
    r"|有效期|到期",
    RedactionKind.CARD: r"(?:credit |debit |bank |gift )?cards?(?: number)?|visa|master ?card|amex|american express"
    r"|maestro|long number|卡号|信用卡|银行卡|储蓄卡",
    RedactionKind.ACCOUNT: r"(?:bank |savings |checking )?accounts?(?: number)?|acct|iban|routing(?: number)?"
    r"|sort codes?|bsb|bank(?:ing)? (?:details?|information)|账号|帐号|账户|帐户",
    RedactionKind.NATIONAL_ID: r"social(?: security)?(?: number)?|s ?s ?n|national insurance(?: number)?"
    r"|tax(?:payer)? (?:id|identification)(?: number)?|passport(?: number)?|身份证|社保",
    RedactionKind.PHONE: r"(?:tele)?phone(?: number)?|mobile(?: number)?|cell(?:phone)?(?: number)?|landline|fax"
    r"|whatsapp|(?:call|ring|text|reach|phone) (?:me|us|you|him|her|them|back)(?: back)?(?: on| at)?|dial"
    r"|contact number|call ?back number|电话|手机|号码|传真|联系方式",
    OTHER: r"order(?: number| id)?|tickets?|reference|confirmation|case|tracking|invoice|booking|serial|model|flight"
    r"|zip|post ?code|postal|extension|room|version|part number|quantity|meter|price|costs?|total|amount|balance|paid"
    r"|pays?|years?|birth\w*|ending(?: in)?|ends in|last (?:four|4)(?: digits)?(?: of)?|claim|policy|item|parcel"
    r"|package|reservation|订单|单号|快递|编号|尾号|后四位|价格|一共|余额|票号|邮编|工号",
}
_NAMES = {kind: f"k{place}" for place, kind in enumerate(_PHRASES)}
_KINDS = {name: kind for kind, name in _NAMES.items()}


def _pattern() -> re.Pattern[str]:
    # A word border, but Chinese has none; a mask, as "[card]" is one, tells nothing.
    groups = (f"(?P<{_NAMES[kind]}>{phrases})" for kind, phrases in _PHRASES.items())
    return re.compile(rf"(?<![a-z\[])(?:{'|'.join(groups)})(?![a-z])")


_CUE = _pattern()


@dataclass(frozen=True, slots=True)
class Cue:
    """Where in a text such words stand."""

    start: int
    end: int
    kind: str
    """A RedactionKind, or OTHER."""


def cues_in(text: str) -> tuple[Cue, ...]:
    """Those of a text, in their order."""
    found = _CUE.finditer(text.lower())
    return tuple(Cue(one.start(), one.end(), _KINDS[one.lastgroup]) for one in found if one.lastgroup)
