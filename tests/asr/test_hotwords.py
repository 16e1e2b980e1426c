import pytest

from asr.hotwords import ROOT, HotwordTrie
from callscribe.domain.hotword import Hotword


def spell(word: str) -> tuple[int, ...]:
    return tuple(map(ord, word))


def trie_of(*hotwords: str | Hotword) -> HotwordTrie:
    given = [Hotword(hotword) if isinstance(hotword, str) else hotword for hotword in hotwords]
    return HotwordTrie(given, spell, begin_bonus=1.0, bonus=2.0)


def worth(trie: HotwordTrie, node: int) -> dict[str, float]:
    """What each character is worth at a node."""
    tokens, bonuses = trie.preferred(node)
    return {chr(token): float(bonus) for token, bonus in zip(tokens, bonuses, strict=True)}


def walk(trie: HotwordTrie, text: str) -> tuple[int, list[float]]:
    """The node that a text leads to from the root, and what each character added to its score."""
    node, deltas = ROOT, []
    for character in text:
        reached, delta = trie.score(node, ord(character))
        assert reached == trie.after(node, ord(character))
        node = reached
        deltas.append(delta)
    return node, deltas


def total(trie: HotwordTrie, text: str) -> float:
    """What a hypothesis that says just this has been given at its end."""
    node, deltas = walk(trie, text)
    return sum(deltas) - trie.unfinished(node)


def test_following_a_hotword_leads_along_its_path_and_then_back_to_the_root() -> None:
    trie = trie_of("ab")
    after_a = trie.after(ROOT, ord("a"))
    assert worth(trie, after_a) == {"b": 2.0, "a": 1.0, "A": 1.0}
    after_b = trie.after(after_a, ord("b"))
    assert worth(trie, after_b) == {"a": 1.0, "A": 1.0}
    assert trie.after(after_b, ord("z")) == ROOT


def test_a_new_hotword_may_begin_at_any_place() -> None:
    trie = trie_of("ab", "cd")
    inside = trie.after(ROOT, ord("a"))
    assert worth(trie, inside) == {"b": 2.0, "a": 1.0, "A": 1.0, "c": 1.0, "C": 1.0}
    assert trie.after(inside, ord("c")) == trie.after(ROOT, ord("c")) != ROOT


def test_a_hotword_that_begins_within_another_goes_on_where_the_other_stops() -> None:
    trie = trie_of("abcx", "bcd")
    node, _ = walk(trie, "abc")
    assert worth(trie, node)["x"] == worth(trie, node)["d"] == 2.0
    assert total(trie, "abcd") == total(trie, "bcd") == 5.0


def test_every_hotword_is_also_known_in_lower_case_and_with_capitals() -> None:
    trie = trie_of("aBC")
    assert worth(trie, ROOT) == {"a": 1.0, "A": 1.0}
    assert worth(trie, trie.after(ROOT, ord("a"))) == {"B": 2.0, "b": 2.0, "a": 1.0, "A": 1.0}
    assert total(trie_of("ab cd"), "Ab Cd") == total(trie_of("ab cd"), "ab cd") == 9.0


def test_a_weight_multiplies_what_a_hotword_is_worth_and_the_heaviest_counts() -> None:
    trie = trie_of(Hotword("ab", 0.5), Hotword("ac", 3.0))
    assert worth(trie, ROOT)["a"] == 3.0
    assert {token: worth(trie, trie.after(ROOT, ord("a")))[token] for token in "bc"} == {"b": 1.0, "c": 6.0}


def test_a_complete_hotword_keeps_its_score_whatever_follows() -> None:
    trie = trie_of("ab")
    assert walk(trie, "abz")[1] == [1.0, 2.0, 0.0]
    assert total(trie, "ab") == total(trie, "abz") == total(trie, "zab") == 3.0
    assert total(trie, "abab") == 6.0


@pytest.mark.parametrize("text", ["a", "ab", "abz", "zab", "ababz", "aab"])
def test_an_unfinished_hotword_gives_its_score_back(text: str) -> None:
    assert total(trie_of("abc"), text) == 0.0


def test_what_is_taken_back_is_taken_when_the_hotword_is_left() -> None:
    assert walk(trie_of("abc"), "abz")[1] == [1.0, 2.0, -3.0]
    assert walk(trie_of("abc"), "aba")[1] == [1.0, 2.0, -2.0]


def test_a_shorter_hotword_within_a_longer_one_is_kept_when_the_longer_is_left() -> None:
    trie = trie_of("ab", "abcd")
    assert total(trie, "abcz") == total(trie, "ab") == 3.0
    assert total(trie, "abcd") == 7.0
    inner = trie_of("abcd", "bc")
    assert total(inner, "abcz") == total(inner, "bc") == 3.0
    assert total(inner, "abcd") == 7.0


def test_a_hotword_is_counted_once_where_two_share_it() -> None:
    trie = trie_of("abc", "bc", "bcx")
    assert total(trie, "abc") == 5.0
    # "abc" is whole, and "bcx" begins with the "bc" that was counted already.
    assert total(trie, "abcx") == 7.0


def test_a_heavy_hotword_within_a_light_one_has_all_its_weight() -> None:
    trie = trie_of(Hotword("abcd", 0.1), Hotword("bc", 4.0))
    assert total(trie, "abc") == total(trie, "bc") == 12.0


def test_blank_hotwords_are_nothing() -> None:
    assert not trie_of("", "  ")
