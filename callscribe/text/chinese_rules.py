"""What Chinese numbers look like with what stands beside them, and how each is written. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping

from callscribe.text.chinese_numbers import COUNTS, DIGITS, NUMERALS, SCALE, amount, cardinal, digits
from callscribe.text.reading import vocabulary

OTHER = "\ufffc"
"""Stands for a word that is no single character, and for a numeral that belongs to a phrase."""
SIGNS = frozenset("负負")
"""What a number may begin with beside numerals and letters."""

_Writer = Callable[[re.Match[str]], str | None]
"""How a match is written; None: it is no such number."""

_FIGURES_FROM = 10
"""Smaller numbers are words where nothing says what they count."""
_COUNTED_TO = 4
"""Digits in steps of one that somebody may be counting: 一二三四."""
_DIGIT, _COUNT, _NUMERAL = (f"[{''.join(sorted(known))}]" for known in (DIGITS, COUNTS, NUMERALS))
_ONE_TO_NINE, _TWO_TO_NINE = "[一二三四五六七八九]", "[二两兩三四五六七八九]"
_WHOLE = f"{_NUMERAL}+"
_POINT = "[点點]"
_NUMBER = f"{_WHOLE}(?:{_POINT}{_DIGIT}+{SCALE})?"
_NUMBERS = re.compile(_NUMBER)
_NUMBERED = "[号號楼樓栋棟幢]"
"""What has a number for its name."""
_QUARTERS: Mapping[str, int] = {"半": 30, "一刻": 15, "三刻": 45}
_NO_DECIMAL = re.compile("[点點号號楼樓刻位]|[个個](?!百分|小[时時]|月|多|[万萬亿億]|工作日|星期|礼拜|[钟鐘])")
"""Before these a number with one digit behind its point is an hour and another number: 十点三楼."""
_TELEPHONE = re.compile(r"1\d{10}|[48]00\d{7}|0\d{9,11}")

_CLASSIFIERS = "[下个個次遍天年月日种種样般边直比点點会會人块塊元手张張层層级級片件位名折倍成]"
"""Before these a small number is a word."""
_NAMES = vocabulary(
    "尾号 尾號 后四位 後四位 号码 號碼 密码 密碼 房间 房間 房间号 分机 分機 分机号 工号 编号 编號 按 拨 撥"
)
"""After these any digits are a name."""
_PARTS_OF_DAY = vocabulary(
    "早上 早晨 清晨 今早 明早 上午 中午 下午 午后 午後 傍晚 晚上 今晚 明晚 昨晚 当晚 當晚 夜里 夜裡 夜间 半夜 凌晨"
)
_DAYS = vocabulary("今天 明天 后天 後天 昨天 前天 号 號")
_CURRENCIES = vocabulary(
    "元 圆 圓 美元 美金 欧元 歐元 日元 韩元 港元 港币 港幣 澳元 加元 英镑 英鎊 人民币 人民幣 新台币 卢布"
)
_UNITS = vocabulary(
    "公里 米 厘米 毫米 平方 平米 立方 公斤 克 毫克 吨 噸 升 毫升 摄氏度 瓦 伏 兆 分钟 分鐘 秒 小时 小時 岁 歲 折"
)

_COUNTED_BEHIND = "有这這那第几幾"
"""Behind these 三点 are points of a speech."""
_DONE_THEN = "[\\n的来來去前后後左见見]|[之以][前后後]|到(?!位)|出(?![色众眾])|[开開](?![心阔闊放])"
"""Before these 十分 are minutes; else it may say "very"."""
_ROW_ENDS = f"(?:{_POINT}{_WHOLE})*{_POINT}(?!{_DIGIT}(?!十))"
"""Hours follow, as many as there are; the last has no minutes of one digit: 二点一点三 is a version."""
_HOURS_BEFORE = re.compile(rf"(?<!{_NUMERAL})(?:(?<![{_COUNTED_BEHIND}]){_NUMERAL}{{1,3}}{_POINT})+$")
"""Where a text ends in hours, if they are some."""
_UNDECIDED_BEFORE = re.compile(
    rf"(?<!{_NUMERAL}){''.join(f'(?<!{word})' for word in sorted(_PARTS_OF_DAY | _DAYS))}{_WHOLE}{_POINT}$"
)
"""Where a text ends in a number and a point, and nothing says that it is an hour."""


def telephone(text: str) -> str | None:
    """Numerals that are a telephone number of mainland China when they are put together."""
    number = digits(text)
    return number if number and _TELEPHONE.fullmatch(number) else None


def _behind(words: Iterable[str]) -> str:
    """Matches where one of the words stands before."""
    return f"(?:{'|'.join(f'(?<={word})' for word in sorted(words))})"


def _before(words: Iterable[str]) -> str:
    """Matches where one of the words follows."""
    return f"(?={'|'.join(sorted(words))})"


def _amounts(found: re.Match[str]) -> str | None:
    """All numbers of the match in figures, the rest as it was said."""
    numbers = {number: amount(number) for number in _NUMBERS.findall(found[0])}
    if None in numbers.values():
        return None
    return _NUMBERS.sub(lambda number: numbers[number[0]] or "", found[0])


def _percent(found: re.Match[str]) -> str | None:
    sign, of = "-" if found["sign"] else "", "%" if found["of"] == "百" else "‰"
    parts = [amount(number) for number in (found["number"], found["upper"]) if number]
    return None if None in parts else (found["to"] or "").join(f"{sign}{part}{of}" for part in parts)


def _fraction(found: re.Match[str]) -> str | None:
    lower, upper = cardinal(found["lower"]), cardinal(found["upper"])
    return f"{upper}/{lower}" if lower and upper and lower > 1 else None


def _year(found: re.Match[str]) -> str | None:
    """But for two digits that may be an approximate number: 三四年, 三五年."""
    year = digits(found[0])
    approximate = year and len(year) == 2 and (year == "35" or int(year[1]) == int(year[0]) + 1)
    return None if approximate else year


def _next_hour(found: re.Match[str]) -> str | None:
    """Behind an hour that is written as one."""
    return _time(found) if _HOURS_BEFORE.search(found.string, 0, found.start()) else None


def _time(found: re.Match[str]) -> str | None:
    hour, *rest = (_QUARTERS.get(part) or cardinal(part.lstrip("零〇") or "零") for part in found.groups() if part)
    minutes = [part for part in rest if part is not None and part < 60]
    if hour is None or hour > 24 or len(minutes) < len(rest):
        return None
    return ":".join((str(hour), *(f"{part:02}" for part in minutes)))


def _minus(found: re.Match[str]) -> str | None:
    """A small number has to be a temperature or a floor: the sign is a verb too."""
    number = amount(found["number"])
    sure = found["unit"] is not None or found["number"] not in COUNTS
    return f"-{number}" if number and sure else None


def _code(found: re.Match[str]) -> str | None:
    """One digit is enough at the end, and before what it may be the name of."""
    several = sum(character in DIGITS for character in found[0]) > 1
    last = found.string[found.end()] in "\n号號楼樓区區座口纸紙室航"
    return _named_code(found) if several or last else None


def _named_code(found: re.Match[str]) -> str:
    return "".join(str(DIGITS.get(character, character)) for character in found[0]).upper()


def _decimal(found: re.Match[str]) -> str | None:
    """With more points a version or an address: 二点一点三. But for an hour with another number: 十点三楼."""
    whole, *rest = re.split(_POINT, found[0])
    value = cardinal(whole)
    if value and len(rest) == 1 == len(rest[0]) and _NO_DECIMAL.match(found.string, found.end()):
        return None
    if number := amount(found[0]):
        return number
    parts = [digits(whole) if value is None else str(value), *map(digits, rest)]
    return None if None in parts else ".".join(filter(None, parts))


def _spelled(found: re.Match[str]) -> str | None:
    return digits(found[0])


def _digits(found: re.Match[str]) -> str | None:
    """But for counting, which no word of other letters precedes: 一二三."""
    text, before = digits(found[0]), found.string[: found.start()]
    counted = text is not None and len(text) <= _COUNTED_TO and text in "0123456789"
    return None if counted and not before.endswith(OTHER) else text


def _cardinal(found: re.Match[str]) -> str | None:
    value = cardinal(found[0])
    return amount(found[0]) if value is not None and value >= _FIGURES_FROM else None


def _apart(write: _Writer) -> _Writer:
    """But for what a point precedes that is neither a decimal's nor sure to be an hour's: it stays as the rest does."""

    def apart(found: re.Match[str]) -> str | None:
        return None if _UNDECIDED_BEFORE.search(found.string, 0, found.start()) else write(found)

    return apart


def _kilos(found: re.Match[str]) -> str | None:
    """Where the numeral belongs to the unit: 二十五千克."""
    number = amount(found["number"])
    return number and f"{number}{found['unit']}"


_SHARES: tuple[tuple[str, _Writer], ...] = (
    # 百分之三十五点五, 负百分之十三, 百分之三十到四十; but who bears a share of 责任 says 负 too
    (
        rf"(?P<sign>[负負](?!.{{0,12}}责))?(?P<of>[百千])分之(?P<number>{_NUMBER})"
        rf"(?:(?P<to>[到至])(?P<upper>{_NUMBER})(?=[\n的左之不]))?",
        _percent,
    ),
    # 百分百, 百分之百
    ("百分之?百(?!分)", lambda _: "100%"),
    # 三分之一
    (rf"(?P<lower>{_WHOLE})分之(?P<upper>{_WHOLE})", _fraction),
)
_TIMES: tuple[tuple[str, _Writer], ...] = (
    # 三点半, 三点一刻; 三点五分, 三点五分二十秒; 三点十五, 三点零五
    (rf"({_WHOLE}){_POINT}(半|[一三]刻)(?![个個天年])", _time),
    (rf"({_WHOLE}){_POINT}(?!十分(?!{_WHOLE}秒))({_WHOLE})分(?![之钟鐘])(?:({_WHOLE})秒)?", _time),
    # 下午三点十分, 三点十分到; but 有三点十分重要
    (rf"{_behind(_PARTS_OF_DAY | _DAYS)}({_WHOLE}){_POINT}(十)分(?![之钟鐘])", _time),
    (rf"(?<![{_COUNTED_BEHIND}])({_WHOLE}){_POINT}(十)分(?={_DONE_THEN})", _time),
    (
        rf"(?<!版本)(?<!版本{_NUMERAL}{_POINT})(?![零〇]{_POINT}[零〇])"
        rf"({_WHOLE}){_POINT}([二三四五]?十{_ONE_TO_NINE}?|[零〇]{_ONE_TO_NINE})"
        rf"(?![个個块塊元倍多几幾点點]|(?<={_POINT}十)分|{'|'.join(sorted(_UNITS))})",
        _time,
    ),
    # Full hours, where something says that they are none of 我有三点意见: 下午三点, 明天三点, 三点钟, 三点到五点
    (rf"{_behind(_PARTS_OF_DAY)}({_WHOLE})(?={_POINT}(?![儿兒也都]))", _time),
    (rf"{_behind(_DAYS)}(?!一{_POINT})({_WHOLE})(?={_POINT})", _time),
    (rf"(?!一{_POINT}[^钟鐘整])({_WHOLE})(?={_POINT}(?:[钟鐘整]|左右|[之以]?[前后後]))", _time),
    (rf"({_WHOLE})(?={_POINT}[到至]{_WHOLE}{_POINT})", _time),
    (rf"(?<={_POINT}[到至])({_WHOLE})(?={_POINT})", _time),
    # Hours in a row, but not 二点一点三: 八点九点
    (rf"(?<![{_COUNTED_BEHIND}])(?<!版本)({_WHOLE})(?={_POINT}{_WHOLE}{_ROW_ENDS})", _time),
    (rf"(?<={_NUMERAL}{_POINT})({_WHOLE})(?={_ROW_ENDS})", _next_hour),
)
_DATES: tuple[tuple[str, _Writer], ...] = (
    # 二三年三月, 二零二四年, 九八年, 九零后
    (rf"{_DIGIT}{{2}}(?=年{_WHOLE}月)", _spelled),
    (rf"(?:{_DIGIT}{{4}}|{_DIGIT}{{2}})(?=年(?!级|級))", _year),
    ("[五六七八九零〇][零〇五](?=[后後])", _year),
    # 三月, 三月十五日, 十五号; 号 is that of a house, a line, a form too
    (rf"(?:十[一二]?|{_ONE_TO_NINE})(?=月)", _amounts),
    (rf"(?<=月){_WHOLE}(?=日)", _amounts),
    (rf"(?![两兩]){_WHOLE}(?=[号號])", _amounts),
)
_MONEY: tuple[tuple[str, _Writer], ...] = (
    # 三块五, 五十二块八毛, 三元五角八分; 八元, 一点五万美元; 一块钱
    (
        rf"{_NUMBER}[块塊元]{_ONE_TO_NINE}(?:[毛角](?:{_ONE_TO_NINE}分?)?)?(?=[\n钱錢的毛角左多以吧呢啊吗嗎了])",
        _amounts,
    ),
    (rf"{_NUMBER}{_before(_CURRENCIES)}", _amounts),
    (rf"{_NUMBER}(?=[块塊毛][钱錢])", _amounts),
)
_QUANTITIES: tuple[tuple[str, _Writer], ...] = (
    # 零下五度, 三十七度二, 负十度
    (rf"(?<=零下){_WHOLE}(?=度|摄氏)", _amounts),
    (rf"{_WHOLE}度{_ONE_TO_NINE}(?=[\n的左多以了])", _amounts),
    (rf"[负負](?P<number>{_NUMBER})(?P<unit>(?=[度楼樓层層]))?(?!{_POINT}{_NUMERAL}|.{{0,5}}责)", _minus),
    # 三点一四, 六点四二万, 二点一点三
    (rf"{_WHOLE}(?:{_POINT}{_DIGIT}+)+{SCALE}", _decimal),
    # 两米二; 五公里
    (rf"{_WHOLE}米{_ONE_TO_NINE}(?=[\n的左多以了高长長宽寬深])", _amounts),
    (rf"{_TWO_TO_NINE}(?!米{_ONE_TO_NINE}){_before(_UNITS)}", _amounts),
    # 一千二百三十四, but not 几十, 十几, 数十
    (rf"(?<![几幾])(?!(?<=[数數])十){_WHOLE}(?![几幾来來]|{_POINT}{_WHOLE}(?!{_NUMERAL}|{_NUMBERED}))", _cardinal),
    # 二十五千克, 零点五千克, where no number ends in 千
    (rf"(?P<number>{_WHOLE}?(?:{_POINT}{_DIGIT}+{SCALE})?)(?P<unit>千[克米瓦])", _kilos),
)
_NAMED: tuple[tuple[str, _Writer], ...] = (
    # A三五八, 京A零七ZX三F; 3D, 4K, 5G
    (rf"(?<![a-z{OTHER}])[a-z]{{1,4}}(?:{_DIGIT}+[a-z]{{1,3}})*{_DIGIT}+(?:[a-z](?![a-z{OTHER}]))?", _code),
    (rf"[二三四五六八][dgk](?![a-z{OTHER}])", _named_code),
    # 尾号是三七, 请按一, but not 按一下; 幺三八零零幺三八零零零
    (
        rf"{_behind(f'{name}{link}' for name in _NAMES for link in ('', *'是为為'))}{_DIGIT}+(?!{_CLASSIFIERS})",
        _spelled,
    ),
    (rf"{_DIGIT}{{3,}}", _digits),
    # 第三, 第二季度, 第一季度, but not 第一次
    (rf"(?<=第)(?:[二三四五六七八九](?!{_CLASSIFIERS})|一(?=[季期页頁章条條款集课課届屆版批排组組轮輪]))", _amounts),
    # 三楼, 二单元, 三栋二单元
    (rf"{_ONE_TO_NINE}(?=[楼樓](?!梯)|单元|單元|[栋棟幢]{_WHOLE})", _amounts),
)
_AMOUNTS = ((pattern, _apart(write)) for pattern, write in (*_MONEY, *_QUANTITIES))
_TABLE = (*_SHARES, *_TIMES, *_DATES, *_AMOUNTS, *_NAMED)
RULES = tuple((re.compile(pattern), write) for pattern, write in _TABLE)
"""In the order of how much they ask for; a match begins where a run of numerals does and must not end inside one."""
