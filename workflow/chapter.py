"""Run one chapter with papermill, check its parameters first, and write it only if it succeeds.

python workflow/chapter.py chapters/03-training.ipynb OUT.ipynb --set profile=smoke
"""

import argparse
import ast
import hashlib
import json
import re
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import nbformat
import prose
from said import said

from sarco.base import paths, sources
from sarco.base.errors import SarcoError
from sarco.base.files import atomic, below, checksum
from sarco.runs import profiles

TAG = "parameters"
ROOT = Path(__file__).resolve().parent.parent
# What a terminal would not show any more: text that a carriage return has overwritten.
OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\n])")


def read(path):
    """Read a notebook, or say why not in one sentence."""
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise SarcoError(f"{path}: cannot be read as a notebook ({error}); check the file.") from error


def defaults(notebook, path):
    """Return the parameters of a chapter and their default values; `path` is named in what is refused.

    One cell must have the tag `parameters`, and hold nothing but lines of `name = literal`.
    """
    tagged = [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise SarcoError(f"{path}: {len(tagged)} cells have the tag {TAG!r}; give it to exactly one.")
    try:
        return dict(_assignment(statement) for statement in ast.parse(tagged[0].source).body)
    except (SyntaxError, ValueError) as error:
        raise SarcoError(
            f"{path}: the cell tagged {TAG!r} holds more than plain values; write each line as name = 1, "
            "'text', True, None or a list of these."
        ) from error


def _assignment(statement):
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, ast.literal_eval(value)
    raise ValueError


def changed(given, known, path):
    """Return the given parameters that differ from their defaults, after checking names and types."""
    for name, value in given.items():
        if name not in known:
            raise SarcoError(f"{path}: has no parameter {name!r}; it knows {', '.join(known) or 'none'}.")
        wanted, found = type(known[name]), type(value)
        if known[name] is not None and value is not None and wanted is not found:
            raise SarcoError(
                f"{path}: the parameter {name} is {value!r}, a {found.__name__}; give a {wanted.__name__}."
            )
    return {name: value for name, value in given.items() if value != known[name]}


def run(source, parameters, timeout_s):
    """Execute a chapter in a fresh kernel, at most `timeout_s` a cell, and return it, normalised; `source` stays.

    A parameter equal to its default is not injected, so that a run with the defaults has the cells of the source. Where
    a cell fails, the sentence ends with that cell. Its metadata say what it was made of, for `standing`.
    """
    import papermill

    # Before the run: what is edited meanwhile was not run.
    read_from, code = data_digest(), code_digest(source)
    parameters = changed(parameters, defaults(read(source), source), source)
    with tempfile.TemporaryDirectory() as folder:
        beside = Path(folder, source.name)
        try:
            papermill.execute_notebook(
                source,
                beside,
                parameters=parameters,
                kernel_name="python3",
                cwd=source.parent,
                execution_timeout=timeout_s,
                start_timeout=180,
                progress_bar=False,
                # The kernel's own notes (its transport, how it was stopped) say nothing about the chapter.
                extra_arguments=["--IPKernelApp.log_level=50"],
            )
        except papermill.PapermillExecutionError as error:
            raise SarcoError(_failure(source, error)) from error
        except Exception as error:  # nbclient raises many kinds: a cell over its time, a kernel that died
            raise SarcoError(f"{source}: did not finish ({type(error).__name__}: {error}).") from error
        notebook = normalise(nbformat.read(beside, as_version=4))
    prose.fill(notebook, source.name, prose.targets())
    _refuse_machine_paths(notebook, source)
    notebook.metadata["sarco"] = {"made_of": made_of(notebook, code, read_from)}
    return notebook


def standing(chapters, given):
    """Those chapters that are as they were run: running them with the parameters `given` would change nothing."""
    read_from = data_digest()
    return [path for path in chapters if _stands(path, given, read_from)]


def _stands(path, given, read_from):
    notebook = read(path)
    now = made_of(notebook, code_digest(path), read_from)
    stands = notebook.metadata.get("sarco", {}).get("made_of") == now
    return stands and not changed(given, defaults(notebook, path), path)


def made_of(notebook, code, read_from):
    """Digest of an executed chapter: its code cells and what they showed, its `code_digest`, and `data_digest`.

    By content, and the same on every machine. The text does not count, because it is filled in without a run, and nor
    does the cell that installs the package in Colab.
    """
    cells = [
        (cell.source, cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code" and "install" not in cell.metadata.get("tags", [])
    ]
    return _digest(cells, code, read_from)


def code_digest(path):
    """Digest of the code that a chapter imports, scripts beside it too; None where that is no Python, as a run says."""
    try:
        return sources.digest(*(file for file in sources.of(Path(path).resolve()) if file.suffix == ".py"))
    except SyntaxError:
        return None


def data_digest():
    """Digest of what any chapter may read: all profiles, and all files in data/ but text, by content."""
    folder = paths.data_dir()
    data = {str(path.relative_to(folder)): checksum(path) for path in below(folder) if path.suffix != ".md"}
    return _digest({name: asdict(profiles.load(name)) for name in profiles.names()}, data)


def _digest(*parts):
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _failure(source, error):
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback)).splitlines()
    return (
        f"{source}: code cell {error.exec_count} raised {error.ename}: {error.evalue}\n\n"
        f"{error.source.rstrip()}\n\n" + "\n".join(trace[-15:])
    )


def normalise(notebook):
    """Remove from an executed notebook what differs between two equal runs.

    Timestamps, durations and random cell names go, the parts of a stream are joined, and of the kernel only
    its name stays.
    """
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            # What `run` wrote there, and anything that an author put there by hand.
            **{k: v for k, v in notebook.metadata.items() if k in ("sarco", "mystnb", "jupytext", "authors")},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number:02d}"
        for key in ("papermill", "execution", "ExecuteTime", "collapsed", "scrolled"):
            cell.metadata.pop(key, None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
    return notebook


def _joined(outputs):
    joined = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last is not None and output.output_type == "stream" == last.output_type and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    for output in joined:
        if output.output_type == "stream":
            output.text = OVERWRITTEN.sub("", output.text)
    return joined


def _refuse_machine_paths(notebook, source):
    folders = [f"{folder}/" for folder in (ROOT, Path.home()) if folder != Path("/")]
    marks = "|".join(map(re.escape, [*folders, "/ipykernel_", "site-packages/"]))
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            found = re.search(rf"[^\n]{{0,120}}({marks})[^\n]{{0,120}}", json.dumps(output))
            if found:
                raise SarcoError(
                    f"{source}: code cell {cell.execution_count} prints a path of this machine "
                    f"({found[0].strip()}); print a relative path, or mend what it warns of."
                )


def write(notebook, path):
    """Write a notebook beside `path`, then move it there."""
    with atomic(path) as beside:
        nbformat.write(notebook, beside)


def _parameter(text):
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not name=value")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


@said
def main(arguments=None):
    parser = argparse.ArgumentParser(description="Run one chapter and write it if it succeeds.")
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", type=_parameter, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--timeout", type=int, default=1800, metavar="S", help="longest time for one cell")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    write(run(options.source, dict(options.set), options.timeout), options.out)
    print(f"{options.source.name}: run in {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
