"""Makes the recogniser whose recipe comes on standard input, and ends with 0 where it can hear."""

import json
import sys

from asr.engines.sherpa.loading import Recipe, hear_noise, make


def main() -> None:
    """Raises what the library raises; it may also end the process at once."""
    recipe = Recipe(**json.load(sys.stdin))
    hear_noise(make(recipe), recipe.streaming)


if __name__ == "__main__":
    main()
