"""Every fault of a config is one line that names the key and the fix; what is right is read as it is meant."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from psa_copilot import Board, Directory, Meaning, Priority, Status
from psa_copilot.config import Config, load
from psa_copilot.errors import ConfigError
from psa_copilot.redact import SECRETS
from tests.core.strangers import CONNECTOR, Site

SOUND = """
    connections:
      main: {use: desk, url: https://desk.example, company: acme, public_key: pub, private_key: a-long-secret}
    plugins:
      nudge: {mode: act}
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(site: Site, tmp_path: Path) -> Write:
    """Writes a config beside an installed connector `desk` and plugin `nudge`."""
    site.install_desk()
    path = tmp_path / "config.yaml"

    def write_it(text: str) -> Path:
        path.write_text(dedent(text))
        return path

    return write_it


def faults(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.__cause__ is None or "a-long-secret" not in str(caught.value.__cause__)
    return str(caught.value).splitlines()


def main(more: str = "", plugins: str = "nudge: {}") -> str:
    """A config whose connection has these keys besides."""
    keys = "use: desk, url: https://desk.example, company: acme, public_key: pub"
    return f"connections:\n  main: {{{keys}, {more or 'private_key: a-long-secret'}}}\nplugins:\n  {plugins}\n"


class TestWhatIsRight:
    def test_entries_have_their_class_and_settings(self, write: Write) -> None:
        config = load(write(SOUND))
        main = config.connections["main"]
        assert main.connector_class.name == "desk"
        assert main.settings.poll_every == timedelta(seconds=60)
        assert config.plugins["nudge"].plugin_class.name == "nudge"
        assert config.plugins["nudge"].settings.mode == "act"

    def test_what_is_left_out_has_its_default(self, write: Write, tmp_path: Path) -> None:
        config = load(write(SOUND))
        assert config.database_path == tmp_path / "psa-copilot.db"
        assert config.web.address == ("127.0.0.1", 8080)
        assert config.web.token is None
        assert config.stop.status == ()
        assert config.keep.messages is None
        assert config.warnings == ()

    def test_paths_are_relative_to_the_file(
        self, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "data").mkdir()
        path = write(SOUND + "    database: sqlite:///data/copilot.db\n")
        monkeypatch.chdir("/")
        assert load(path).database_path == tmp_path / "data" / "copilot.db"
        absolute = load(write(SOUND + f"    database: sqlite:///{tmp_path}/x.db\n"))
        assert absolute.database_path == tmp_path / "x.db"

    def test_one_plugin_can_run_under_several_names(self, write: Write) -> None:
        config = load(write(main(plugins="nudge-vips: {use: nudge, after_messages: 9}\n  nudge:")))
        assert config.plugins["nudge-vips"].plugin_class is config.plugins["nudge"].plugin_class
        assert config.plugins["nudge-vips"].settings.model_dump()["after_messages"] == 9

    def test_variables_are_filled_in_wherever_there_is_text(
        self, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DESK_KEY", "secret-of-env")
        monkeypatch.setenv("DESK_CLIENT", "Fabrikam")
        text = main("private_key: '${DESK_KEY}$${x}'") + "stop: {company: ['the ${DESK_CLIENT}']}\n"
        config = load(write(text))
        assert config.connections["main"].settings.model_dump()["private_key"].get_secret_value() == "secret-of-env${x}"
        assert config.stop.company == ("the Fabrikam",)

    def test_a_secret_may_stand_in_a_file_of_its_own(self, write: Write, tmp_path: Path) -> None:
        file = tmp_path / "key"
        file.write_text("from-a-file\n")
        file.chmod(0o600)
        config = load(write(main("private_key_file: key") + "web: {token_file: key}\n"))
        assert config.connections["main"].settings.model_dump()["private_key"].get_secret_value() == "from-a-file"
        assert config.web.token is not None
        assert config.web.token.get_secret_value() == "from-a-file"
        assert config.warnings == ()

    def test_a_secret_file_that_everybody_can_read_is_a_warning(self, write: Write, tmp_path: Path) -> None:
        file = tmp_path / "key"
        file.write_text("from-a-file")
        file.chmod(0o644)
        [warning] = load(write(main("private_key_file: key"))).warnings
        assert "chmod 600" in warning
        assert "from-a-file" not in warning

    @pytest.mark.parametrize(
        "written", ["2026-11-01", "'2026-11-01'", "2026-11-01 00:00:00", "2026-11-01T01:00:00+01:00"]
    )
    def test_a_day_means_its_first_moment_in_utc(self, write: Write, written: str) -> None:
        config = load(write(main(plugins=f"nudge: {{acts_from: {written}}}")))
        assert config.plugins["nudge"].settings.acts_from == datetime(2026, 11, 1, tzinfo=UTC)

    def test_connections_carry_their_meanings_and_brakes(self, write: Write) -> None:
        more = "private_key: x, statuses: {Help Desk: {New: new, Waiting: waiting on customer}}, breaker: {per_hour: 5}"
        settings = load(write(main(more))).connections["main"].settings
        assert settings.statuses["Help Desk"]["Waiting"] is Meaning.WAITING_ON_CUSTOMER
        assert (settings.breaker.per_hour, settings.breaker.per_day) == (5, 200)

    def test_ages_of_what_is_kept(self, write: Write) -> None:
        keep = load(write(main() + "keep: {messages: 365d, inbox: 7d}\n")).keep
        assert (keep.messages, keep.events, keep.inbox) == (timedelta(days=365), None, timedelta(days=7))


class TestSecrets:
    def test_they_are_hidden_from_the_log_once_the_config_is_read(self, write: Write) -> None:
        load(write(main("private_key: only-in-this-test") + "web: {token: token-of-this-test}\n"))
        assert SECRETS.clean("only-in-this-test token-of-this-test") == "*** ***"

    def test_they_are_in_no_repr(self, write: Write) -> None:
        config = load(write(SOUND + "    web: {token: a-long-secret}\n"))
        shown = f"{config} {config!r} {config.connections!r} {config.web!r} {config.summary()}"
        assert "a-long-secret" not in shown

    def test_a_value_from_the_environment_is_in_no_fault(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("POLL", "a-long-secret")
        [fault] = faults(write(main("private_key: x, poll_every: '${POLL}'")))
        assert fault.startswith("connections.main.poll_every: '${POLL}' is no duration; write ")

    def test_a_connectors_own_check_may_quote_what_it_likes(self, write: Write, site: Site) -> None:
        code = CONNECTOR.replace("SecretStr\n", "SecretStr, field_validator\n", 1) + dedent("""
            def refuse(cls, value):
                raise ValueError(f"{value.get_secret_value()} and https://me:pw@desk.example are no good; find better")

            class Strict(Keys):
                no = field_validator("private_key")(refuse)

            class StrictDesk(Desk):
                Settings = Strict
        """).replace("\n", "\n    ")
        entries = {"connectors": {"strict": "stranger_strict:StrictDesk"}}
        site.install("stranger-strict", "stranger_strict", code, entries)
        [fault] = faults(write(SOUND.replace("use: desk", "use: strict")))
        assert fault == "connections.main.private_key: *** and https://***@desk.example are no good; find better"


BROKEN = {
    "unknown key": (
        main(plugins="nudge: {aftr_messages: 3}"),
        "plugins.nudge.aftr_messages: unknown setting; did you mean after_messages?",
    ),
    "unknown key at the top": (main() + "plugin: {}\n", "plugin: unknown setting; did you mean plugins?"),
    "unknown key like nothing": (
        main() + "web: {zzz: 1}\n",
        "web.zzz: unknown setting; known: listen, url, token, token_file",
    ),
    "unknown key inside": (
        main(plugins="nudge: {when: {bord: [x]}}"),
        "plugins.nudge.when.bord: unknown setting; did you mean board?",
    ),
    "unknown key of a connection": (
        main("private_key: x, private_key_flie: y"),
        "connections.main.private_key_flie: unknown setting; did you mean private_key_file?",
    ),
    "wrong type": (
        main(plugins="nudge: {after_messages: four}"),
        "plugins.nudge.after_messages: should be a whole number; for example 4",
    ),
    "too small": (
        main(plugins="nudge: {after_messages: 0}"),
        "plugins.nudge.after_messages: should be 1 or more; for example 4",
    ),
    "a number for text": (
        main("private_key: 12345678"),
        "connections.main.private_key: should be text; put it in quotes",
    ),
    "text for a list": (
        main() + "stop: {status: Internal IT}\n",
        "stop.status: should be a list; put it in [brackets]",
    ),
    "yes in a list": (main() + "stop: {board: [No]}\n", "stop.board[0]: should be text; put it in quotes"),
    "nothing in a list": (main() + "stop: {company: ['']}\n", "stop.company[0]: should have at least 1 character"),
    "nothing": (
        main("private_key: x, rate:"),
        "connections.main.rate: is empty; write a value, or leave the key out",
    ),
    "text for a section": (main() + "keep: long\n", "keep: should hold keys of its own; write key: value under it"),
    "text for entries": (
        "connections: main\n",
        "connections: should hold named entries; write name: {key: value} under it",
    ),
    "maybe": (main("private_key: x, accept_risk: maybe"), "connections.main.accept_risk: should be true or false"),
    "bad duration": (
        main("private_key: x, poll_every: 60 secs"),
        "connections.main.poll_every: '60 secs' is no duration; "
        "write a number with s, m, h, d or w, for example 60s or 90d",
    ),
    "bad moment": (
        main(plugins="nudge: {acts_from: soon}"),
        "plugins.nudge.acts_from: should be a day or a moment; write 2026-11-01 or 2026-11-01T08:00:00Z",
    ),
    "missing variable": (
        main("private_key: '${NO_SUCH_KEY}'"),
        "connections.main.private_key: the variable NO_SUCH_KEY is not set; export NO_SUCH_KEY=...",
    ),
    "misspelled variable": (
        main("private_key: '${NO-KEY}'"),
        "connections.main.private_key: ${NO-KEY} names no variable; write ${NAME}, or $${ for a plain ${",
    ),
    "unknown plugin": (main(plugins="nugde: {}"), "plugins.nugde: no plugin is called nugde; did you mean nudge?"),
    "unknown plugin in use": (
        main(plugins="mine: {use: nugde}"),
        "plugins.mine.use: no plugin is called nugde; did you mean nudge?",
    ),
    "unknown connector": (
        "connections: {main: {use: dsk, url: https://desk.example}}\n",
        "connections.main.use: no connector is called dsk; did you mean desk?",
    ),
    "unknown mode": (
        main(plugins="nudge: {mode: obsrve}"),
        "plugins.nudge.mode: 'obsrve' is none of observe, suggest, act; did you mean observe?",
    ),
    "unknown meaning": (
        main("private_key: x, statuses: {Help Desk: {New: waiting on costumer}}"),
        "connections.main.statuses.Help Desk.New: 'waiting on costumer' is none of new, triage, in progress, "
        "scheduled, waiting on customer, waiting on vendor, waiting internal, resolved, closed, stop; "
        "did you mean waiting on customer?",
    ),
    "unknown connection": (
        main(plugins="nudge: {when: {connection: [mian]}}"),
        "plugins.nudge.when.connection[0]: no connection is called mian; did you mean main?",
    ),
    "bad name": (
        main().replace("main", "Main Site"),
        "connections.Main Site: is no name; write it with [a-z0-9-]",
    ),
    "missing key": (
        "connections: {main: {use: desk, url: https://desk.example, public_key: pub, private_key: x}}\n",
        "connections.main.company: missing; add it: The company to sign in to.",
    ),
    "missing secret": (
        "connections: {main: {use: desk, url: https://desk.example, company: acme, public_key: pub}}\n",
        "connections.main.private_key: missing; add it: The private half of the key. (or private_key_file)",
    ),
    "both": (
        main("private_key: x, private_key_file: y"),
        "connections.main.private_key_file: private_key is there too; keep one of the two",
    ),
    "no connection": (
        "plugins: {nudge: {}}\n",
        "connections: missing; name at least one, for example main: {use: connectwise, ...}",
    ),
    "doubled key": (
        "connections:\n  main:\n    use: desk\n    url: https://desk.example\n    use: desk\n"
        "    company: a\n    public_key: b\n    private_key: c\n",
        "connections.main.use: written twice, in lines 3 and 5; keep one",
    ),
    "a name that YAML changes": (
        main("private_key: x, statuses: {Help Desk: {No: new}}"),
        "connections.main.statuses.Help Desk.No: YAML does not read this name (line 2) as text; put it in quotes",
    ),
    "PostgreSQL": (
        main() + "database: postgresql+psycopg://db.example/copilot\n",
        "database: this version keeps its data in SQLite; write sqlite:///psa-copilot.db",
    ),
    "open to others": (
        main() + "web: {listen: '0.0.0.0:8080'}\n",
        "web.listen: '0.0.0.0' is open to others; write 127.0.0.1 and put a reverse proxy in front",
    ),
    "no address": (main() + "web: {listen: 8080}\n", "web.listen: should be text; put it in quotes"),
    "no port": (main() + "web: {listen: localhost}\n", "web.listen: 'localhost' is no address; write 127.0.0.1:PORT"),
    "bad public root": (main() + "web: {url: desk.example}\n", "web.url: is no URL; write https://HOST"),
}


@pytest.mark.parametrize(("text", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_config_is_one_line_that_names_key_and_fix(write: Write, text: str, said: str) -> None:
    [fault] = faults(write(text))
    assert fault.startswith(said)


URLS = {
    "desk.example": "is no URL",
    "ftp://desk.example": "is no URL",
    "https://": "is no URL",
    "https://two words.example": "is no URL",
    "https://desk.example:port": "is no URL",
    "": "is no URL",
    "http://desk.example": "plain http is only for this machine",
    "https://me:a-long-secret@desk.example": "is more than a site's root",
    "https://desk.example/?key=a-long-secret": "is more than a site's root",
}


@pytest.mark.parametrize(("url", "said"), URLS.items())
def test_a_bad_url_is_named_but_not_quoted(write: Write, url: str, said: str) -> None:
    [fault] = faults(write(SOUND.replace("https://desk.example", f"'{url}'")))
    assert fault.startswith(f"connections.main.url: {said}")
    assert "; write https://" in fault
    assert "a-long-secret" not in fault


def test_a_psa_without_a_site_needs_no_url_and_its_folder_lies_beside_the_file(site: Site, tmp_path: Path) -> None:
    paper = CONNECTOR.replace(
        'company: str = Setting(description="The company to sign in to.")',
        'url: str = Setting("", description="None."); folder: Path = Setting(description="Where the slips lie.")',
    ).replace("from psa_copilot import", "from pathlib import Path\n    from psa_copilot import", 1)
    site.install("stranger-paper", "stranger_paper", paper, {"connectors": {"paper": "stranger_paper:Desk"}})
    path = tmp_path / "config.yaml"
    path.write_text("connections: {main: {use: paper, folder: slips, public_key: pub, private_key: a-long-secret}}\n")
    settings = load(path).connections["main"].settings
    assert (settings.url, getattr(settings, "folder", None)) == ("", tmp_path / "slips")


@pytest.mark.parametrize("url", ["https://desk.example", "http://127.0.0.1:8089", "http://localhost", "http://[::1]:1"])
def test_a_good_url_is_let_through(write: Write, url: str) -> None:
    assert load(write(SOUND.replace("https://desk.example", f"'{url}'"))).connections["main"].settings.url == url


class TestSecretFiles:
    def test_one_that_is_not_there(self, write: Write, tmp_path: Path) -> None:
        [fault] = faults(write(main("private_key_file: nowhere/key")))
        where = tmp_path / "nowhere" / "key"
        assert fault.startswith(f"connections.main.private_key_file: {where} cannot be read: No such file")

    def test_one_that_nobody_may_read(self, write: Write, tmp_path: Path) -> None:
        (tmp_path / "key").write_text("from-a-file")
        (tmp_path / "key").chmod(0o000)
        [fault] = faults(write(main("private_key_file: key")))
        assert f"{tmp_path / 'key'} cannot be read" in fault  # by anybody, or, unless we are root, by us

    def test_one_that_is_a_folder(self, write: Write, tmp_path: Path) -> None:
        (tmp_path / "key").mkdir()
        [fault] = faults(write(main("private_key_file: key")))
        assert "cannot be read: Is a directory; name a file" in fault

    def test_one_that_is_empty(self, write: Write, tmp_path: Path) -> None:
        (tmp_path / "key").touch(mode=0o600)
        [fault] = faults(write(main("private_key_file: key")))
        assert "is empty; write the secret into it" in fault

    def test_one_that_holds_no_text(self, write: Write, tmp_path: Path) -> None:
        (tmp_path / "key").write_bytes(b"\xff\xfe\x00")
        [fault] = faults(write(main("private_key_file: key")))
        assert "cannot be read: no text; name a file" in fault


class TestTheFileItself:
    def test_it_is_not_there(self, tmp_path: Path) -> None:
        [fault] = faults(tmp_path / "no.yaml")
        assert "no.yaml: cannot be read: No such file or directory; name the file with --config" in fault

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "holds no settings; begin with config.example.yaml"),
            ("- a\n", "holds no settings; begin with config.example.yaml"),
            ("web: {listen: [\n", "line 2, column 1: "),
            ("web: 1\n---\nweb: 2\n", "but found another document"),
            ("web: !!python/name:os.system x\n", "could not determine a constructor"),
            ("web: 2026-13-40\n", "is no YAML: month must be in 1..12"),
            ("web: &a [*a]\n", "web[0]: refers to itself; write it out"),
        ],
    )
    def test_it_is_no_config(self, write: Write, text: str, said: str) -> None:
        [fault] = faults(write(text))
        assert said in fault

    def test_a_database_in_a_folder_that_is_not_there(self, write: Write, tmp_path: Path) -> None:
        [fault] = faults(write(main() + "database: sqlite:///no/copilot.db\n"))
        assert fault == f"database: there is no folder {tmp_path / 'no'}; make it"


def test_all_faults_are_told_each_on_its_line(write: Write) -> None:
    told = faults(write(main("private_key: '${NO_SUCH_KEY}', rate: fast", plugins="nugde: {}") + "web: {lsten: x}\n"))
    keys = {line.partition(":")[0] for line in told}
    assert keys == {"connections.main.private_key", "connections.main.rate", "plugins.nugde", "web.lsten"}
    assert len(told) == 4


def test_a_broken_plugin_is_a_fault_of_the_config_that_names_it(write: Write, site: Site) -> None:
    site.install("stranger-broken", "stranger_broken", "1 / 0", {"plugins": {"broken": "stranger_broken:It"}})
    assert load(write(main())).plugins.keys() == {"nudge"}
    [fault] = faults(write(main(plugins="broken: {}")))
    assert fault.startswith("plugins.broken: broken of stranger-broken 1.2 is broken: ")
    assert "ZeroDivisionError: division by zero" in fault


# Whatever may stand where a value is expected.
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=9) | st.just("${HOME}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
KEYS = [
    ("database",), ("web",), ("web", "listen"), ("web", "url"), ("web", "token_file"), ("connections",),
    ("connections", "main"), ("connections", "main", "use"), ("connections", "main", "url"),
    ("connections", "main", "private_key_file"), ("connections", "main", "poll_every"),
    ("connections", "main", "statuses"), ("connections", "main", "breaker"), ("plugins",), ("plugins", "nudge"),
    ("plugins", "nudge", "use"), ("plugins", "nudge", "when"), ("plugins", "nudge", "acts_from"), ("stop",),
    ("stop", "status"), ("keep",), ("keep", "ledger"), ("more",),
]  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.sampled_from(KEYS), what=ANYTHING)
def test_whatever_stands_in_the_file_ends_in_lines_or_in_a_config(
    write: Write, where: tuple[str, ...], what: object
) -> None:
    data = yaml.safe_load(dedent(SOUND))
    section = data
    for key in where[:-1]:
        section = section.setdefault(key, {})
    section[where[-1]] = what
    path = write(yaml.safe_dump(data))
    try:
        config = load(path)
    except ConfigError as exc:
        for line in str(exc).splitlines():
            assert re.match(r".+: .+", line)
    else:
        assert config.connections


DESK = Directory(
    boards=(
        Board(
            remote_id="1",
            name="Help Desk",
            statuses=(Status(remote_id="1", name="New"), Status(remote_id="2", name="Internal IT")),
        ),
    ),
    priorities=(Priority(remote_id="1", name="Priority 1 - Critical"),),
)


class TestAgainstThePsa:
    def check(self, write: Write, more: str = "", stop: str = "", when: str = "") -> list[str]:
        return self.config(write, more, stop, when).check_against({"main": DESK})

    def config(self, write: Write, more: str = "", stop: str = "", when: str = "") -> Config:
        plugins = f"nudge: {{when: {{{when}}}}}"
        return load(write(main(f"private_key: x{more}", plugins=plugins) + f"stop: {{{stop}}}\n"))

    def test_what_is_there_is_well(self, write: Write) -> None:
        stop, when = "status: [Internal IT], board: [Help Desk]", "board: [Help Desk]"
        assert self.check(write, ", statuses: {Help Desk: {New: triage}}", stop, when) == []

    def test_a_misspelled_status_in_stop(self, write: Write) -> None:
        [line] = self.check(write, stop="status: [Intenal IT]")
        assert line == 'stop.status[0]: no board of main has a status "Intenal IT"; did you mean "Internal IT"?'

    def test_a_board_like_none_in_stop(self, write: Write) -> None:
        [line] = self.check(write, stop="board: [Zzz]")
        assert line == 'stop.board[0]: main has no board "Zzz"; it has: Help Desk'

    def test_meanings_of_what_is_not_there(self, write: Write) -> None:
        lines = self.check(write, ", statuses: {Help Desk: {Nwe: new}, Hlp Desk: {New: new}}")
        assert lines == [
            'connections.main.statuses.Help Desk.Nwe: board "Help Desk" has no status "Nwe"; did you mean "New"?',
            'connections.main.statuses.Hlp Desk: main has no board "Hlp Desk"; did you mean "Help Desk"?',
        ]

    def test_a_when_that_lets_nothing_through(self, write: Write) -> None:
        lines = self.check(write, when="board: [Help Dsk], priority: [Priority 1]")
        assert [line.partition(":")[0] for line in lines] == [
            "plugins.nudge.when.board[0]",
            "plugins.nudge.when.priority[0]",
        ]

    def test_nothing_is_said_before_all_have_answered(self, write: Write) -> None:
        assert self.config(write, stop="status: [Zzz]", when="board: [Zzz]").check_against({}) == []
