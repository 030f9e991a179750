"""run.py REPORT FRAMEWORK PROJECT SOURCES TESTS ONLY SITE...: runs tests and
reports each, and which lines of the files in SOURCES they executed.

FRAMEWORK is pytest or unittest. SOURCES and TESTS are files of absolute paths,
ONLY one of names of tests, empty for all of TESTS. SITE are folders of packages.
"""

import dis
import importlib
import inspect
import os
import re
import site
import sys
import threading
import traceback

from cf_report import Report

sys.path.pop(0)  # the folder of this script: what it holds is not for the project

REPORT, FRAMEWORK, PROJECT, SOURCES, TESTS, ONLY = sys.argv[1:7]
SITES = sys.argv[7:]
report = Report(REPORT)


def lines_of(path):
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as f:
        return [line for line in f.read().split("\n") if line]


class Lines:
    """Which lines of some files were executed."""

    def __init__(self, files):
        self.hits = {os.path.realpath(f): set() for f in files}
        self.known = {}  # file name of code -> its set, or None

    def of(self, name):
        if name not in self.known:
            self.known[name] = self.hits.get(os.path.realpath(name))
        return self.known[name]

    def start(self):
        monitoring = getattr(sys, "monitoring", None)  # Python 3.12
        if monitoring and not monitoring.get_tool(monitoring.COVERAGE_ID):
            monitoring.use_tool_id(monitoring.COVERAGE_ID, "cf")
            monitoring.register_callback(monitoring.COVERAGE_ID, monitoring.events.LINE, self.line)
            monitoring.set_events(monitoring.COVERAGE_ID, monitoring.events.LINE)
        else:
            threading.settrace(self.trace)
            sys.settrace(self.trace)

    def line(self, code, number):
        hit = self.of(code.co_filename)
        if hit is not None:
            hit.add(number)
        return sys.monitoring.DISABLE

    def trace(self, frame, event, arg):
        hit = self.of(frame.f_code.co_filename)
        if hit is None:
            return None

        def local(frame, event, arg):
            if event == "line":
                hit.add(frame.f_lineno)
            return local

        return local

    def report(self):
        sys.settrace(None)
        for path, hit in self.hits.items():
            try:
                with open(path, "rb") as f:
                    counted = set(executable(compile(f.read(), path, "exec", 0, True)))
            except (OSError, SyntaxError, ValueError):
                continue
            known = counted & hit
            report.put("lines", path, " ".join(map(str, sorted(known))), " ".join(map(str, sorted(counted - hit))))


def executable(code):
    for _, line in dis.findlinestarts(code):
        if line:
            yield line
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from executable(constant)


def broken(path, error):
    """Reports a test file that can't be loaded, at the innermost place in the project."""
    line, where = 0, path
    if isinstance(error, SyntaxError) and error.filename:
        where, line = error.filename, error.lineno or 0
    else:
        for frame in traceback.extract_tb(error.__traceback__):
            if inside(frame.filename):
                where, line = frame.filename, frame.lineno
    kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(error).__name__).lower()
    report.put("broken", where, line, kind, "%s: %s" % (type(error).__name__, error))


def inside(path):
    path = os.path.realpath(path)
    return path.startswith(os.path.realpath(PROJECT) + os.sep) and not any(
        path.startswith(os.path.realpath(s) + os.sep) for s in SITES
    )


class Plugin:
    """Reports what pytest does."""

    def __init__(self, pytest):
        self.pytest = pytest
        self.states = {}

    def pytest_exception_interact(self, node, call, report):
        if isinstance(report, self.pytest.CollectReport):
            error = call.excinfo.value
            # What pytest raises around a failed import holds its text alone.
            broken(str(getattr(node, "path", node.fspath)), error.__cause__ or error)

    def pytest_runtest_logreport(self, report):
        state, output = self.states.get(report.nodeid, ("passed", ""))
        if report.failed:
            sections = "".join("\n%s\n%s" % s for s in report.sections)
            state, output = "failed", output + report.longreprtext + sections
        elif report.skipped and state == "passed":
            state = "skipped"
        self.states[report.nodeid] = (state, output)
        if report.when == "teardown":
            self.put(report)

    def put(self, r):
        state, output = self.states.pop(r.nodeid)
        file, line, _ = r.location
        report.put("test", state, r.nodeid, os.path.join(PROJECT, file), (line or 0) + 1, output)


def run_pytest(tests, only):
    import pytest

    args = ["-q", "--color=no", "-p", "no:cacheprovider", "--rootdir=" + PROJECT]
    # What would take the place of our own tracing, or run beside it.
    if importlib.util.find_spec("pytest_cov"):
        args.append("--no-cov")
    if importlib.util.find_spec("xdist"):
        args.append("-n0")
    status = pytest.main(args + (only or tests), plugins=[Plugin(pytest)])
    return status in (0, 1, 2, 5)  # passed, failed, not all collected, none found


def reporting(unittest):
    """Returns the result that reports what unittest does."""

    class Reporting(unittest.TestResult):
        def startTest(self, test):
            super().startTest(test)
            self.state, self.text = "passed", ""

        def note(self, test, state, error=None):
            text = ""
            if error:
                shown = traceback.TracebackException(*error)
                own = [f for f in shown.stack if os.path.dirname(f.filename) != os.path.dirname(unittest.__file__)]
                shown.stack = traceback.StackSummary.from_list(own)
                text = "".join(shown.format())
            if not hasattr(test, "_testMethodName"):  # a fixture of a class or module
                report.put("test", state, test.id(), "", 0, text)  # "setUpClass (module.Class)"
            else:
                self.state, self.text = state, self.text + text

        def addFailure(self, test, err):
            self.note(test, "failed", err)

        def addError(self, test, err):
            self.note(test, "failed", err)

        def addSubTest(self, test, subtest, err):
            if err:
                self.note(test, "failed", err)

        def addSkip(self, test, reason):
            self.note(test, "skipped")

        def addUnexpectedSuccess(self, test):
            self.note(test, "failed")

        def stopTest(self, test):
            super().stopTest(test)
            method = inspect.unwrap(getattr(type(test), test._testMethodName))
            code = getattr(method, "__code__", None)
            where = (code.co_filename, code.co_firstlineno) if code else ("", 0)
            report.put("test", self.state, name(test), where[0], where[1], self.text)

    return Reporting()


def name(test):
    """Returns the name that pytest gives the test too."""
    path = inspect.getsourcefile(sys.modules[type(test).__module__]) or type(test).__module__
    return "%s::%s::%s" % (os.path.relpath(path, PROJECT), type(test).__qualname__, test._testMethodName)


def run_unittest(tests, only):
    import unittest

    suite = unittest.TestSuite()
    for path in tests:
        top = os.path.dirname(path)
        while os.path.exists(os.path.join(top, "__init__.py")):
            top = os.path.dirname(top)
        if top not in sys.path:
            sys.path.insert(0, top)
        try:
            module = importlib.import_module(os.path.relpath(path, top)[: -len(".py")].replace(os.sep, "."))
        except unittest.SkipTest:
            continue
        except Exception as e:
            broken(path, e)
            continue
        suite.addTests(unittest.defaultTestLoader.loadTestsFromModule(module))
    if only:
        suite = unittest.TestSuite(t for t in flat(suite) if name(t) in only)
    suite.run(reporting(unittest))
    return True


def flat(suite):
    for test in suite:
        if hasattr(test, "__iter__"):
            yield from flat(test)
        else:
            yield test


def main():
    for folder in SITES:
        site.addsitedir(folder)
    sys.path.insert(0, PROJECT)  # as python -m does
    if os.path.isdir(os.path.join(PROJECT, "src")):
        sys.path.append(os.path.join(PROJECT, "src"))
    sys.argv = [FRAMEWORK]
    lines = Lines(lines_of(SOURCES))
    lines.start()
    complete = {"pytest": run_pytest, "unittest": run_unittest}[FRAMEWORK](lines_of(TESTS), lines_of(ONLY))
    lines.report()
    if complete:
        report.put("done")


main()
