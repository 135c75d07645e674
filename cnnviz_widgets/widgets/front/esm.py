"""One JavaScript module out of several: a widget's module has no address from which it could import another.

The files stay modules as browsers and Node know them. Two forms are understood, and anything else is refused:
``import { a, b } from "./file.js";`` and ``export`` in front of a function, a class or a constant.
"""

import re
from pathlib import Path

HERE = Path(__file__).parent
IMPORT = re.compile(r'^import \{([^}]+)\} from "\./(\w+\.js)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
OTHER = re.compile(r"^(?:import\b|export\b(?! default \{)).*|\bimport\(.*", re.MULTILINE)


def joined(name: str, folder: Path = HERE) -> str:
    """Return the text of a widget's module behind those of its imports, each file in a scope of its own."""
    scopes: dict[
        str, tuple[list[str], str]
    ] = {}  # file name -> (its exports, its text), in the order in which they must run
    entry = _resolved(name, folder, scopes, ())
    return "\n".join([*(text for _, text in scopes.values()), EXPORT.sub("", entry)])


def _resolved(name, folder, scopes, importers):
    """Return the text of a module with its imports taken from the scopes, to which they are added."""
    if name in importers:
        raise ValueError(f"Modules import each other in one direction. Received: {' -> '.join((*importers, name))}.")
    text = (folder / name).read_text("utf-8")

    def taken(match):
        wanted, source = [each.strip() for each in match[1].split(",") if each.strip()], match[2]
        if source not in scopes:
            scopes[source] = _scope(source, folder, scopes, (*importers, name))
        if missing := [each for each in wanted if each not in scopes[source][0]]:
            raise ValueError(f"{source} exports {', '.join(scopes[source][0])}. Received: {', '.join(missing)}.")
        return f"const {{ {', '.join(wanted)} }} = {_variable(source)};"

    text = IMPORT.sub(taken, text)
    if others := OTHER.findall(EXPORT.sub("", text)):
        raise ValueError(f'{name} imports as `import {{ name }} from "./file.js";`. Received: {others[0]}')
    return text


def _scope(name, folder, scopes, importers):
    """Return the names that a shared module exports, and its text as one constant that holds them."""
    text = _resolved(name, folder, scopes, importers)
    exported = EXPORT.findall(text)
    body = EXPORT.sub("", text)
    return exported, f"const {_variable(name)} = (() => {{\n{body}\nreturn {{ {', '.join(exported)} }};\n}})();"


def _variable(name):
    return f"${name.removesuffix('.js')}"
