import gc

import pytest

from fanal.kernel.process import loading


def test_nothing_is_walked_while_it_loads_and_what_stands_is_set_aside() -> None:
    before = gc.get_freeze_count()
    with loading():
        made = [[number] for number in range(1000)]
        assert not gc.isenabled()
        with loading():
            assert not gc.isenabled()
        assert not gc.isenabled()
        assert gc.get_freeze_count() <= before
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(made)


def test_the_collector_comes_back_when_loading_fails() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with loading():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
