"""A setting that cannot be read is refused by its name, and no secret is quoted."""

import pytest

from fanal.config.environment import SettingRefused, read_environment


@pytest.mark.parametrize(
    "name",
    [
        "FANAL_STEP_UP_MINUTES", "FANAL_BACKLOG_LIMIT", "FANAL_DISK_RESERVE_MB", "FANAL_MAX_FILE_MB",
        "FANAL_PROXY_HOPS",
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", ["ten", "1.5", "-1", "²", "1e3", "9" * 30, "9" * 5000], ids=len)
def test_a_number_is_a_whole_number(name: str, text: str) -> None:
    with pytest.raises(SettingRefused, match=name):
        read_environment({name: text})


def test_a_second_factor_counts_for_a_minute_at_least() -> None:
    found = [
        read_environment({"FANAL_STEP_UP_MINUTES": t}).step_up_minutes for t in ("", "0", "25")
    ]
    assert found == [10, 1, 25]


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://fanal_app:se/cret@127.0.0.1/fanal",
        "postgresql://fanal_app:secret@127.0.0.1:port/fanal",
        "postgresql://fanal_app:secret@127.0.0.1:99999/fanal",
        "postgresql://fanal_app:secret@[::1/fanal",
        "postgresql://fanal_app:se%zzcret@127.0.0.1/fanal",
        "postgresql://fanal_app:se cret@127.0.0.1/fanal",
        "postgresql://fanal_app:se@cret@127.0.0.1/fanal",
        "postgresql://fanal_app:5432#cret@127.0.0.1/fanal",
        "mysql://fanal_app:secret@127.0.0.1/fanal",
        "host=127.0.0.1 user=fanal_app password=secret",
    ],
)
@pytest.mark.parametrize("role", ["", "app"])
def test_a_database_address_is_one(address: str, role: str) -> None:
    with pytest.raises(SettingRefused, match="DATABASE_URL") as refused:
        read_environment({"DATABASE_URL": address, "FANAL_DB_ROLE": role})
    assert "cret" not in str(refused.value)
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    "address",
    [
        "postgresql:///fanal",
        "postgres://fanal_app:se%40cret@127.0.0.1:5432/fanal?sslmode=require",
        "postgresql://fanal_app@/fanal?host=/run/postgresql",
        "postgresql://fanal_app:x@[::1]:5433/fanal",
    ],
)
def test_a_database_address_that_libpq_reads_is_kept(address: str) -> None:
    assert read_environment({"DATABASE_URL": address}).database_url == address


@pytest.mark.parametrize(
    "address",
    [
        "smtp://[::1",
        "smtp://desk:se/cret@m.desk.fr:25",
        "smtp://desk:secret@m.desk.fr:port",
        "smtp://desk:secret@m.desk.fr:99999",
        "smtp://desk:se\uff0fcret@m.desk.fr",
        "smtp://desk:25#cret@m.desk.fr",
        "smtps://desk:se%C3%A9cret@m.desk.fr",
    ],
)
def test_a_mail_server_address_is_one(address: str) -> None:
    with pytest.raises(SettingRefused, match="FANAL_SMTP_URL") as refused:
        read_environment({"FANAL_SMTP_URL": address})
    assert "cret" not in str(refused.value)
    assert refused.value.__context__ is None  # a traceback would print that message too


@pytest.mark.parametrize(
    "address",
    ["", "smtp://m.bücher.fr", "smtps://desk:se%40cret@m.desk.fr:465/", "smtp://[::1]:25"],
)
def test_a_mail_server_address_that_can_be_read_is_kept(address: str) -> None:
    assert read_environment({"FANAL_SMTP_URL": address}).smtp_url == address


@pytest.mark.parametrize("address", ["https://[::1", "https://a:port/", "ftp://a.example/"])
def test_a_provider_address_is_one(address: str) -> None:
    with pytest.raises(SettingRefused, match="FANAL_OIDC_URL"):
        read_environment({"FANAL_OIDC_URL": address, "FANAL_OIDC_CLIENT_ID": "x"})


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("", []),
        (" , ", []),
        ("a@desk.example, b@desk.example,", ["a@desk.example", "b@desk.example"]),
        ("a@desk.example; b@desk.example", ["a@desk.example", "b@desk.example"]),
        ("a@desk.example\nb@desk.example\n", ["a@desk.example", "b@desk.example"]),
        ("a@desk.example,Night <a@desk.example>", ["a@desk.example"]),
        (
            '"Dupont, Anne" <anne@desk.example>, "Dupont, Marc" <marc@desk.example>',
            ["anne@desk.example", "marc@desk.example"],
        ),
        ("élodie@bücher.example, d@[192.0.2.1]", ["élodie@bücher.example", "d@[192.0.2.1]"]),
        ('"two words"@desk.example', ['"two words"@desk.example']),
        ("duty@localhost", ["duty@localhost"]),
    ],
)
def test_every_duty_address_is_read(text: str, addresses: list[str]) -> None:
    assert read_environment({"FANAL_DUTY": text}).duty_addresses == addresses


@pytest.mark.parametrize(
    "text",
    [
        "a@desk.example b@desk.example",
        "a@desk.example,b@",
        "b@desk.example,duty",
        "@desk.example",
        "a@desk.example,(",
        'a@desk.example,b@desk.example,"',
        "a@desk.example,:,b@desk.example",
        "night: a@desk.example, b@desk.example;",
        '"a@desk.example,b@desk.example"',
        "'a@desk.example,b@desk.example'",
        "Dupont, Anne <anne@desk.example>",
        "a@desk.example, <b@desk.example",
        "a@desk.example, b@desk@example",
        "a@desk.example, b\x00@desk.example",
        "a@desk.example, b@desk.example.",
        "a@desk.example, b@desk..example",
        "a@desk.example, b@[192.0.2.1",
    ],
)
def test_a_duty_list_of_which_one_piece_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingRefused, match="FANAL_DUTY"):
        read_environment({"FANAL_DUTY": text})


def test_the_sender_is_one_address() -> None:
    found = read_environment({"FANAL_MAIL_FROM": "Desk <desk@desk.example>"})
    assert found.mail_from == "desk@desk.example"
    for text in ("desk", "a@desk.example, b@desk.example"):
        with pytest.raises(SettingRefused, match="FANAL_MAIL_FROM"):
            read_environment({"FANAL_MAIL_FROM": text})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "stop.fanal.test"),
        ("Stop.Desk.example.", "stop.desk.example"),
        ("a-b.example", "a-b.example"),
    ],
)
def test_the_stop_page_has_a_host_name(text: str, wanted: str) -> None:
    assert read_environment({"FANAL_STOP_HOST": text}).stop_host == wanted


@pytest.mark.parametrize(
    "text",
    [
        "192.0.2.1", "localhost", "https://stop.example/", "stop.example:443", "a_b.example", "rpz-ip.example",
        "stop.example\n* CNAME .", "é.example", "a..example", "x" * 64 + ".example", "a." * 121 + "example",
    ],
)  # fmt: skip
def test_a_stop_page_without_a_host_name_is_refused(text: str) -> None:
    with pytest.raises(SettingRefused, match="FANAL_STOP_HOST"):
        read_environment({"FANAL_STOP_HOST": text})
