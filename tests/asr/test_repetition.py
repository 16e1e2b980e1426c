import pytest

from asr.repetition import loop_length


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([], 0),
        ([1, 2, 3, 4], 0),
        ([7] * 8, 0),
        ([5] + [7] * 9, 8),
        ([1, 2] * 6, 0),
        ([9] + [1, 2] * 7, 12),
        ([9] + [1, 2, 3, 4, 5, 6] * 4, 18),
        ([1, 2, 3, 4, 5, 6] * 4 + [8], 0),
    ],
)
def test_a_run_that_stands_too_often_in_a_row_is_a_loop(tokens: list[int], expected: int) -> None:
    assert loop_length(tokens) == expected
