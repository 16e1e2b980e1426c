from asr.hotwords import ROOT, HotwordTrie


def spell(word: str) -> tuple[int, ...]:
    return tuple(map(ord, word))


def trie_of(*hotwords: str) -> HotwordTrie:
    return HotwordTrie(hotwords, spell, begin_bonus=1.0, bonus=2.0)


def worth(trie: HotwordTrie, node: int) -> dict[str, float]:
    """What each character is worth at a node."""
    tokens, bonuses = trie.preferred(node)
    return {chr(token): float(bonus) for token, bonus in zip(tokens, bonuses, strict=True)}


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


def test_every_hotword_is_also_known_in_lower_case_and_with_a_capital() -> None:
    trie = trie_of("aBC")
    assert worth(trie, ROOT) == {"a": 1.0, "A": 1.0}
    assert worth(trie, trie.after(ROOT, ord("a"))) == {"B": 2.0, "b": 2.0, "a": 1.0, "A": 1.0}


def test_blank_hotwords_are_nothing() -> None:
    assert not trie_of("", "  ")
