"""A backup is made apart from what it saves: inside the vault it would be a part of the next backups."""

import os
from pathlib import Path

import pytest

from fanal.postgres import Cluster
from tests.integration.vault.test_restore_place import Desk, content

pytestmark = pytest.mark.serial


def test_a_backup_is_made_apart_from_vault_data_folder_and_database(tmp_path: Path) -> None:
    desk, kept = Desk(tmp_path / "home", tmp_path / "disk" / "vault"), tmp_path / "kept"
    desk.run("migrate")
    desk.run("backup", kept)
    cluster = Cluster.open(home=desk.home, environ=os.environ).place.root
    link, other = tmp_path / "link", tmp_path / "other"
    link.symlink_to(desk.vault)
    other.mkdir()
    (other / "identity").write_text("0" * 64)
    before = content(desk.vault)
    for inside in (desk.vault, link, desk.home, cluster, cluster / "data", other, kept):
        folder = inside / "new" / "backup"
        refused = desk.run("backup", folder, check=False)
        assert (refused.returncode, refused.stdout) == (2, ""), inside
        assert "must not lie one inside the other" in refused.stderr
        assert not folder.parent.exists()
    assert content(desk.vault) == before

    # The vault's disk is not mounted: nor is the backup made where its folder is to be.
    away = Desk(desk.home, tmp_path / "mount" / "vault")
    refused = away.run("backup", tmp_path / "mount", check=False)
    assert (refused.returncode, (tmp_path / "mount").exists()) == (2, False), refused.stderr
    desk.run("backup", tmp_path / "disk" / "backup")
