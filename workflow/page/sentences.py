"""What the page says and knows as the command does: sentences, limits and names, made of the Python source.

`module()` is a JavaScript module, which is made when the page is built and nowhere kept. Each sentence of `SOURCES` is
a function in it, called after the sentence's first words, with what stands between braces as its arguments, in order:

    refuse(values === null, say.noReadablePixelSpacingSo())

so that the build fails where a sentence that the page uses is no longer there.
"""

import ast
import itertools
import json
import math
import re
from importlib import import_module
from pathlib import Path

from pydicom.datadict import dictionary_VR, keyword_dict, tag_for_keyword
from pydicom.uid import UID_dictionary

SOURCES = (
    "base.errors", "ct.dicom", "ct.frames", "ct.level", "ct.pixels", "ct.tissues", "slice_tool.checks",
    "slice_tool.numbers", "slice_tool.segmentation", "slice_tool.tissue",
)  # fmt: skip
LEAST_WORDS = 4  # of a sentence, and of its name
HERE = Path(__file__).resolve().parent


def module():
    """The text of the module `sentences.js`.

    It exports `say` (the sentences that the scripts use), `limits` (of each source that they name the numbers and words
    that stand there in capitals), `tags` (tag and value representation of each attribute that the scripts name) and
    `uids` (names of transfer syntaxes and of kinds of objects).

    Raises
    ------
    ValueError
        A script uses a sentence that no source has.
    """
    sources = {name: import_module(f"sarco.{name}") for name in SOURCES}
    scripts = " ".join(path.read_text(encoding="utf-8") for path in sorted(HERE.glob("*.js")))
    asked = {*re.findall(r"\blimits\.(\w+)", scripts)}
    limits = {name.split(".")[-1]: _constants(vars(source)) for name, source in sources.items()}
    limits = {name: values for name, values in limits.items() if name in asked}
    sentences, used = _named(sources.values()), sorted({*re.findall(r"\bsay\.(\w+)", scripts)})
    if gone := [name for name in used if name not in sentences]:
        raise ValueError(f"no sentence is called {', '.join(gone)}; there are {', '.join(sentences)}")
    known = sorted({*re.findall(r"\w+", scripts + repr(limits))} & keyword_dict.keys())
    tables = {
        "limits": limits,
        "tags": {name: [tag_for_keyword(name), dictionary_VR(name)] for name in known},
        "uids": {
            uid: about[0] for uid, about in UID_dictionary.items() if about[1] in ("Transfer Syntax", "SOP Class")
        },
    }
    lines = [f"  {name}: (...v) => `{sentences[name]}`," for name in used]
    values = [f"export const {name} = {json.dumps(table, ensure_ascii=False)};" for name, table in tables.items()]
    return "\n".join(['import { format } from "./words.js";', "export const say = {", *lines, "};", *values, ""])


def _constants(names):
    """Those in capitals that are numbers, words, or several of them."""
    plain = {name: _plain(value) for name, value in names.items() if name.isupper()}
    return {name: value for name, value in plain.items() if value is not None}


def _plain(value):
    """A value as JSON can have it, in lists for tuples and sets; None for any other."""
    if isinstance(value, dict):
        parts = {str(key): _plain(part) for key, part in value.items() if isinstance(key, str)}
        return parts if parts and None not in parts.values() else None
    if isinstance(value, tuple | list | set | frozenset):
        parts = [_plain(part) for part in (sorted(value) if isinstance(value, set | frozenset) else value)]
        return None if None in parts else parts
    if isinstance(value, float) and math.isinf(value):
        return 1e300 if value > 0 else -1e300  # JSON has no word for it
    return value if isinstance(value, int | float) else str(value) if isinstance(value, str) else None


def _named(sources):
    """The sentences as parts of JavaScript template literals, each under the fewest first words that it has alone."""
    texts = {}
    for source in sources:
        for text in _sentences(ast.parse(Path(source.__file__).read_text(encoding="utf-8"))):
            texts[text] = re.findall(r"[A-Za-z0-9]+", re.sub(r"\$\{.*?\}", " ", text))
    named = {}
    for text, words in texts.items():
        others = [other for key, other in texts.items() if key != text]
        count = LEAST_WORDS
        while count < len(words) and any(other[:count] == words[:count] for other in others):
            count += 1
        first, *rest = words[:count]
        name = first[0].lower() + first[1:] + "".join(word[0].upper() + word[1:] for word in rest)
        if name in named:
            raise ValueError(f"two sentences are called {name}")
        named[name] = text
    return named


def _sentences(node):
    """The strings of some words under a node, docstrings aside."""
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        text = _template(node)
        if len(re.findall(r"\w+", re.sub(r"\$\{.*?\}", "", text))) >= LEAST_WORDS:
            yield text
        return
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.Expr) and isinstance(child, ast.Constant)):
            yield from _sentences(child)


def _template(node):
    """An f-string, or a string with {}, as a template literal whose values are `v`."""
    count = itertools.count()

    def field(spec=()):
        return f'${{format(v[{next(count)}], "{"".join(part.value for part in spec)}")}}'

    if isinstance(node, ast.Constant):
        return "".join(field() if piece == "{}" else _escaped(piece) for piece in re.split(r"(\{\})", node.value))
    return "".join(
        _escaped(part.value)
        if isinstance(part, ast.Constant)
        else field(part.format_spec.values if part.format_spec else ())
        for part in node.values
    )


def _escaped(text):
    return re.sub(r"([\\`]|\$(?=\{))", r"\\\1", text)


if __name__ == "__main__":
    print(module(), end="")
