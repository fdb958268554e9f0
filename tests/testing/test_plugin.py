"""The plugin under pytest, in a project that is unrelated to this one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Sequence

import pytest

pytest_plugins = "pytester"

SAMPLE = Path(__file__).parent / "sample"
NO_ASYNCIO = ("-p", "no:asyncio")
"""pytest-asyncio warns in every project that does not set an option of its."""


@pytest.fixture(autouse=True)
def strict_project(pytester: pytest.Pytester) -> None:
    """A project in which every warning is an error."""
    shutil.copy(SAMPLE / "pytest.ini", pytester.path)


@pytest.fixture
def sample(pytester: pytest.Pytester) -> None:
    """The sample in place of an empty project."""
    for file in SAMPLE.glob("*.py"):
        shutil.copy(file, pytester.path)


def run(pytester: pytest.Pytester, *arguments: str, asyncio: Sequence[str] = NO_ASYNCIO) -> pytest.RunResult:
    """Run pytest in a process of its own, as its users do."""
    # schemathesis takes seconds to load.
    quickly = ("-p", "no:cacheprovider", "-p", "no:schemathesis")
    return pytester.runpytest_subprocess(*quickly, *asyncio, *arguments, timeout=120)


def test_sample(pytester: pytest.Pytester, sample: None) -> None:
    """All fixtures work, and async tests do with both of the usual plugins."""
    result = run(pytester, asyncio=["-o", "asyncio_default_fixture_loop_scope=function"])

    # anyio runs its two tests on asyncio and on trio.
    result.assert_outcomes(passed=13)


def test_sample_without_plugins_for_async_tests(pytester: pytest.Pytester, sample: None) -> None:
    """An async client needs no plugin but ours."""
    result = run(pytester, "-p", "no:anyio", "test_async.py", "test_sync.py")

    result.assert_outcomes(passed=6)


def test_plugin_is_off(pytester: pytest.Pytester) -> None:
    """The fixtures can be disabled, and nothing else is lost."""
    pytester.makepyfile(
        """
        def test_plain(tmp_path):
            assert tmp_path.exists()

        def test_fixture(statebase_client):
            pass
        """
    )

    result = run(pytester, "-p", "no:statebase")

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["E*fixture 'statebase_client' not found"])


def test_nothing_heavy_is_imported(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that uses none of our fixtures imports three small modules of ours, and no others."""
    pytester.makepyfile(
        """
        import sys

        HEAVY = ["httpx", "pydantic", "sqlite3", "anyio", "asyncio", "ssl", "hypercorn", "numpy"]

        def test_modules():
            # Of other names that a module has as well, its own counts.
            ours = {module.__name__ for name, module in sys.modules.items() if name.partition(".")[0] == "statebase"}
            lazy = ["statebase._base", "statebase._base.lazy"]
            assert sorted(ours) == ["statebase", *lazy, "statebase.testing", "statebase.testing.plugin"]
            assert [name for name in HEAVY if name in sys.modules] == []
        """
    )

    # Without the plugins of others, which import more. Ours is the only one that is loaded.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = run(pytester, "-p", "statebase.testing.plugin")

    result.assert_outcomes(passed=1)


def test_package_that_is_imported_before_pytest(pytester: pytest.Pytester) -> None:
    """A notebook or a script that imports the package, then runs pytest, gets no warning."""
    pytester.makepyfile("def test_nothing(): pass")
    script = (
        "import sys, statebase, pytest\n"
        "from _pytest.assertion.rewrite import AssertionRewriter\n"
        "assert AssertionRewriter.is_rewrite_disabled(statebase.__doc__)\n"
        "sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-p', 'no:anyio', '-p', 'no:asyncio']))"
    )

    result = pytester.run(sys.executable, "-W", "error", "-c", script)

    assert result.ret == 0, result.stderr.str()


def test_failure_that_strikes_nobody(pytester: pytest.Pytester) -> None:
    """A test that asks for a failure and never meets it is told so."""
    pytester.makepyfile(
        """
        def test_nothing_fails(statebase_client, faults):
            faults.drop_after_commit(on="sessions.create")
            statebase_client.sessions.list()

        def test_taken_back(faults):
            faults.drop_after_commit(on="sessions.create")
            faults.clear()
        """
    )

    result = run(pytester)

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["E*No request triggered drop_after_commit on sessions.create: inject fewer faults*"])


def test_server_without_its_extra(pytester: pytest.Pytester) -> None:
    """If hypercorn is missing, the test fails and says what to install."""
    pytester.makeconftest("import sys; sys.modules['hypercorn'] = None")
    pytester.makepyfile("def test_server(statebase_server): pass")

    result = run(pytester)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['statebase_server needs a web server: pip install "statebase[[]server]"'])


def test_store_of_another_kind(pytester: pytest.Pytester) -> None:
    """A project that overrides statebase_engine has its engine behind every client."""
    pytester.makeconftest(
        """
        import pytest

        from statebase.local import Engine

        @pytest.fixture
        def statebase_engine(statebase_clock, tmp_path):
            engine = Engine.open(tmp_path / "agents.db", default_ttl_seconds=60, clock=statebase_clock)
            yield engine
            engine.close()
        """
    )
    pytester.makepyfile(
        """
        import asyncio

        def test_lifetime(statebase_client, async_statebase_client, statebase_clock, tmp_path):
            statebase_client.sessions.create("agent")
            asyncio.run(async_statebase_client.sessions.create("agent"))

            assert len(statebase_client.sessions.list().data) == 2
            statebase_clock.advance(seconds=61)
            assert statebase_client.sessions.list().data == []
            assert (tmp_path / "agents.db").exists()
        """
    )

    run(pytester).assert_outcomes(passed=1)


def test_fixtures_are_listed_with_what_they_are(pytester: pytest.Pytester) -> None:
    """`pytest --fixtures` shows each fixture with its docstring."""
    result = run(pytester, "--fixtures", "-q")

    for name in ("statebase_client", "async_statebase_client", "statebase_server", "statebase_clock", "faults"):
        result.stdout.re_match_lines([rf"{name} -- .*plugin\.py.*", "    [A-Z].*"], consecutive=True)
