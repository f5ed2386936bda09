"""The tests in a browser are never left out unseen where a browser can be installed."""

from pathlib import Path

import pytest

from scripts.chromium import NAMES, TO_INSTALL, find_chromium
from tests.acceptance.conftest import browser_or_why


@pytest.mark.parametrize("name", NAMES)
def test_either_name_is_found(tmp_path: Path, name: str) -> None:
    assert find_chromium(str(tmp_path)) is None
    program = tmp_path / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_chromium(str(tmp_path)) == str(program)
    assert browser_or_why(str(program), uid=0) == str(program)


def test_without_a_browser_root_fails_and_a_plain_user_skips() -> None:
    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"):
        browser_or_why(None, uid=0)
    with pytest.raises(pytest.skip.Exception, match=TO_INSTALL[:20]):
        browser_or_why(None, uid=1000)
