"""What the unchanged public NCMEC client is told when it goes wrong: the codes of the wire."""

import asyncio
from typing import Any

import pytest

from tests.live import Live, Partner

ncmec = pytest.importorskip("ncmec_cybertip", reason="needs Python 3.13", exc_type=ImportError)
pytestmark = [pytest.mark.client, pytest.mark.serial]


class TestErrorsOfThePublicClient:
    def test_retracted(self, server: Live, partner: Partner) -> None:
        from tests.client.fullreport import client_of, full_report

        async def story() -> tuple[int, list[int]]:
            async with client_of(server, partner) as client:
                opened = await client.submit(full_report())
                assert (await client.retract(opened.report_id)).report_id == opened.report_id
                codes = []
                for attempt in (client.retract, client.finish):
                    with pytest.raises(ncmec.ApiError) as refused:
                        await attempt(opened.report_id)
                    codes.append(refused.value.response_code)
                with pytest.raises(ncmec.ApiError) as refused:
                    await client.upload(opened.report_id, b"late")
                return opened.report_id, [*codes, refused.value.response_code]

        number, codes = asyncio.run(story())
        assert codes == [5101, 5101, 5101]
        [shown] = server.lines("report", "show", str(number))
        assert shown["state"] == "RETRACTED"

    def test_wrong_password(self, server: Live, partner: Partner) -> None:
        from tests.client.fullreport import client_of

        wrong = Partner(partner="", user=partner.user, password="wrong", token="")

        async def ask() -> Any:
            async with client_of(server, wrong) as client:
                with pytest.raises(ncmec.ApiError) as refused:
                    await client.status()
                return refused.value

        error = asyncio.run(ask())
        assert error.response_code == 2000
        assert error.is_authentication_error
        assert error.request_id

    def test_anothers_report_and_an_unknown_file(self, server: Live, partner: Partner) -> None:
        from tests.client.fullreport import client_of, details, full_report

        other = server.add_partner("Other Shapes")

        async def story() -> list[int]:
            codes = []
            async with client_of(server, partner) as mine, client_of(server, other) as theirs:
                opened = await mine.submit(full_report())
                about = details(opened.report_id, "0" * 32, b"x", 0)
                for attempt in (
                    lambda: theirs.finish(opened.report_id),
                    lambda: theirs.retract(opened.report_id),
                    lambda: theirs.upload(opened.report_id, b"x"),
                    lambda: theirs.file_info(about),
                    lambda: mine.file_info(about),
                    lambda: mine.finish(999_999_999),
                ):
                    with pytest.raises(ncmec.ApiError) as refused:
                        await attempt()
                    codes.append(refused.value.response_code)
            return codes

        assert asyncio.run(story()) == [5001, 5001, 5001, 5001, 5002, 5001]

    def test_a_date_to_come_is_4100(self, server: Live, partner: Partner) -> None:
        from datetime import UTC, datetime

        from tests.client.fullreport import client_of, full_report

        report = full_report()
        report.incident_summary.incident_date_time = datetime(2126, 1, 1, tzinfo=UTC)

        async def ask() -> int:
            async with client_of(server, partner) as client:
                with pytest.raises(ncmec.ApiError) as refused:
                    await client.submit(report)
                return refused.value.response_code

        assert asyncio.run(ask()) == 4100
