"""The scripts of pages lend each other what they export, and nothing more."""

import re

from callscribe.console.wording import STATIC

EXPORTED = re.compile(r"^export (?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)
IMPORTED = re.compile(r'^import \{([^}]*)\} from "\./([\w.-]+)"', re.MULTILINE)


def test_what_a_script_exports_another_imports() -> None:
    scripts = {path.name: path.read_text(encoding="utf-8") for path in STATIC.glob("*.js")}
    exported = {(name, found) for name, text in scripts.items() for found in EXPORTED.findall(text)}
    imported = {
        (name, each.split(" as ")[0].strip())
        for text in scripts.values()
        for names, name in IMPORTED.findall(text)
        for each in names.split(",")
        if each.strip()
    }
    assert exported
    assert sorted(exported - imported) == []
    assert sorted(imported - exported) == []
