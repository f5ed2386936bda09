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
    ],
)
@pytest.mark.parametrize("role", ["", "app"])
def test_a_database_address_is_one(address: str, role: str) -> None:
    with pytest.raises(SettingRefused, match="DATABASE_URL") as refused:
        read_environment({"DATABASE_URL": address, "FANAL_DB_ROLE": role})
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize("address", ["https://[::1", "https://a:port/", "ftp://a.example/"])
def test_a_provider_address_is_one(address: str) -> None:
    with pytest.raises(SettingRefused, match="FANAL_OIDC_URL"):
        read_environment({"FANAL_OIDC_URL": address, "FANAL_OIDC_CLIENT_ID": "x"})
