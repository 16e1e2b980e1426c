from asr.engine import Capabilities
from asr.wire.routing import candidates, knowing
from callscribe.domain.language import UNKNOWN

ENGLISH = Capabilities(("en",))
CHINESE = Capabilities(("zh",))
BOTH = Capabilities(("zh", "en", "ja"), identifies_language=True)
ABLE = {"moonshine": [ENGLISH], "funasr": [CHINESE], "sensevoice": [BOTH]}
LIST = ("funasr", "moonshine", "sensevoice")


def test_engines_that_know_the_language_come_in_the_order_of_the_list() -> None:
    assert knowing(LIST, "en-GB", ABLE) == ("moonshine", "sensevoice")
    assert knowing(LIST, "zh", ABLE) == ("funasr", "sensevoice")
    assert knowing(LIST, "ja", ABLE) == ("sensevoice",)
    assert knowing(LIST, "de", ABLE) == ()
    assert knowing(LIST, UNKNOWN, ABLE) == ("sensevoice",)


def test_an_engine_knows_what_any_of_its_recognisers_knows() -> None:
    assert knowing(("funasr",), "en", {"funasr": [CHINESE, ENGLISH]}) == ("funasr",)


def test_an_engine_that_was_never_there_may_know_the_language() -> None:
    assert knowing(("qwen", *LIST), "en", ABLE) == ("qwen", "moonshine", "sensevoice")


def test_what_may_be_spoken_is_what_any_of_them_knows() -> None:
    assert candidates([ENGLISH, CHINESE, BOTH]) == ("en", "zh", "ja")


def test_codes_of_one_language_are_one_language() -> None:
    assert Capabilities(("tl",)).knows("fil-PH")
    assert candidates([Capabilities(("nb", "en")), Capabilities(("en", "no"))]) == ()
    assert candidates([Capabilities(("nb", "en")), CHINESE]) == ("no", "en", "zh")


def test_recognisers_that_know_the_same_need_no_language() -> None:
    assert candidates([CHINESE, CHINESE]) == ()
    assert candidates([BOTH, Capabilities(("ja", "en", "zh"))]) == ()
    assert candidates([]) == ()
