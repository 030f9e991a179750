"""parse.py REPORT LIST SITE...: compiles the files that LIST names without
running them, looks at them with pyflakes where that is installed, and tells
what else is. SITE are folders of packages.

Columns are told in characters ("c") or bytes ("b"), from 1.
"""

import ast
import importlib.util
import os
import platform
import re
import sys
import warnings

from cf_report import Report

sys.path.pop(0)  # the folder of this script: what it holds is not for the project

report = Report(sys.argv[1])
sys.path.extend(sys.argv[3:])
try:
    from pyflakes import checker as pyflakes
except ImportError:
    pyflakes = None


def code(name):
    """SyntaxWarning -> syntax-warning"""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def parse(path):
    with open(path, "rb") as f:
        source = f.read()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tree = compile(source, path, "exec", ast.PyCF_ONLY_AST, True)
        compile(source, path, "exec", 0, True)
    seen = set()
    for w in caught:  # both compilations warn
        if issubclass(w.category, (SyntaxWarning, DeprecationWarning)) and (w.lineno, str(w.message)) not in seen:
            seen.add((w.lineno, str(w.message)))
            report.put("warning", path, w.lineno, 0, "c", code(w.category.__name__), w.message)
    return source, tree


def lint(path, source, tree):
    lines = source.decode("utf-8", "replace").split("\n")
    package = os.path.basename(path) == "__init__.py"
    for m in pyflakes.Checker(tree, filename=path).messages:
        name = type(m).__name__
        line = lines[m.lineno - 1] if 0 < m.lineno <= len(lines) else ""
        # What a package imports it may export; noqa is what flake8 obeys.
        if package and name == "UnusedImport" or re.search(r"#\s*noqa\b", line, re.I):
            continue
        report.put("warning", path, m.lineno, m.col + 1, "b", code(name), m.message % m.message_args)


def check(path):
    try:
        source, tree = parse(path)
    except SyntaxError as e:
        report.put("error", path, e.lineno or 0, e.offset or 0, "c", code(type(e).__name__), e.msg)
    except (ValueError, RecursionError, MemoryError, OverflowError) as e:
        report.put("error", path, 0, 0, "c", "syntax-error", e)
    else:
        if pyflakes and path.endswith(".py"):
            lint(path, source, tree)


report.put("version", platform.python_version())
for module in ("pytest", "pyflakes", "black"):
    try:
        there = importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        there = False
    if there:
        report.put("installed", module)
with open(sys.argv[2], encoding="utf-8", errors="surrogateescape", newline="\n") as f:
    for path in f.read().split("\n"):
        if path:
            check(path)
report.put("done")
