"""Done-when 2 of the exchange: clients of others read a running Fanal, unchanged.

The client of hash sharing inside the PyPI package `threatexchange`, and `taxii2-client` for TAXII 2.1.
"""

import enum
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.client.sharing import COUNT, change, row
from tests.live import Live, Partner

threatexchange = pytest.importorskip("threatexchange", reason="a tool of development")
taxii2client = pytest.importorskip("taxii2client", reason="a tool of development")
from threatexchange.exchanges.clients.ncmec import hash_api as ncmec  # noqa: E402
from threatexchange.exchanges.impl import ncmec_api  # noqa: E402
from threatexchange.signal_type.pdq.signal import PdqSignal  # noqa: E402

pytestmark = [
    pytest.mark.serial,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@dataclass(slots=True, kw_only=True)
class Shared:
    """A list of `COUNT` entries that the installation shares; the first was withdrawn since."""

    ids: list[str]
    list_id: str = ""


@pytest.fixture(scope="module")
def shared(server: Live, partner: Partner) -> Shared:
    del partner  # there before two people name it
    rows = [row(number) for number in range(COUNT)]
    ids = change(server, kinds=["LIST_SERVICE"], lists={"harbour": rows})["harbour"]
    change(server, withdraw={"harbour": ids[:1]})
    return Shared(ids=ids)


@pytest.fixture(scope="module")
def environment(server: Live) -> enum.Enum:
    """The address of the service, as the client's own list of them would name it."""
    base = f"http://127.0.0.1:{server.port}/hashsharing"
    return enum.Enum("Here", {"HERE": base}).HERE


@pytest.fixture(scope="module")
def client(shared: Shared, partner: Partner, environment: Any) -> ncmec.NCMECHashAPI:
    return ncmec.NCMECHashAPI(partner.user, partner.password, environment)


class TestThreatExchange:
    def test_status_and_members(self, client: ncmec.NCMECHashAPI, partner: Partner) -> None:
        status = client.status()
        assert status.esp_name == partner.partner
        assert status in client.members()

    def test_every_entry_once_through_pages(
        self, client: ncmec.NCMECHashAPI, shared: Shared
    ) -> None:
        pages = list(client.get_entries_iter())
        assert [len(page.updates) for page in pages] == [1000, 1000, 300]
        assert pages[0].get_next_info() is not None
        assert pages[0].estimated_entries_in_range in range(COUNT, COUNT + 10)
        found = {update.id: update for page in pages for update in page.updates}
        assert set(found) == set(shared.ids)
        assert found[shared.ids[0]].deleted
        assert found[shared.ids[0]].fingerprints == {}
        third = found[shared.ids[3]]
        assert third.fingerprints == {"pdq": row(3)[1], "md5": row(3)[0]}
        assert (third.classification, third.entry_type) == ("A1", ncmec.NCMECEntryType.image)
        assert abs(pages[-1].max_timestamp - time.time()) < 600

    def test_a_page_may_be_taken_up_again(self, client: ncmec.NCMECHashAPI) -> None:
        [first, *rest] = client.get_entries_iter()
        again = list(client.get_entries_iter(resume_paging_url=first.next))
        assert [p.updates for p in again] == [p.updates for p in rest]

    def test_an_empty_range(self, client: ncmec.NCMECHashAPI) -> None:
        [page] = client.get_entries_iter(start_timestamp=1, end_timestamp=1_000_000_000)
        assert (page.updates, page.next) == ([], "")

    def test_votes_for_and_against(self, client: ncmec.NCMECHashAPI, shared: Shared) -> None:
        kind, entry = ncmec.FingerprintType.md5, shared.ids[5]
        reasons = client.feedback_reasons(kind)
        assert reasons
        owner = next(m for m in client.members() if m.esp_name == "Fanal").esp_id
        client.submit_upvote(owner, entry, kind)
        assert self.votes(client, entry) == [("upvote", "")]
        guid, name = next(iter(reasons.items()))
        client.submit_feedback(owner, entry, kind, ncmec.FeedbackType.downvote, guid)
        assert self.votes(client, entry) == [("downvote", name)]
        client.submit_feedback(owner, entry, kind, ncmec.FeedbackType.upvote)
        assert self.votes(client, entry) == [("upvote", "")]
        with pytest.raises(requests.HTTPError) as refused:
            client.submit_upvote(owner, "00000000-0000-7000-8000-000000000000", kind)
        assert refused.value.response.status_code == 404

    def votes(self, client: ncmec.NCMECHashAPI, entry: str) -> list[tuple[str, str]]:
        for page in client.get_entries_iter():
            for update in page.updates:
                if update.id == entry:
                    return [(v.feedback_type.value, v.reason) for v in update.feedback["Md5"]]
        raise AssertionError

    def test_the_whole_exchange_of_the_library(
        self, shared: Shared, partner: Partner, environment: Any
    ) -> None:
        """Its own flow control, checkpoints and conversion to signals."""
        config = ncmec_api.NCMECCollabConfig(environment=environment, name="fanal")
        exchange = ncmec_api.NCMECSignalExchangeAPI(config, partner.user, partner.password)
        state: dict[str, Any] = {}
        checkpoint = None
        for pause in (0, 6):  # the library stays five seconds behind the clock
            if state:
                break
            time.sleep(pause)
            for delta in exchange.fetch_iter([PdqSignal], checkpoint):
                checkpoint = delta.checkpoint
                for key, update in delta.updates.items():
                    merged = exchange.fetch_value_merge(state.get(key), update)
                    state.pop(key, None)
                    if merged is not None:
                        state[key] = merged
        assert len(state) == COUNT - 1
        signals = exchange.naive_convert_to_signal_type([PdqSignal], config, state)[PdqSignal]
        assert len(signals) == COUNT // 2
        assert checkpoint is not None
        again = list(exchange.fetch_iter([PdqSignal], checkpoint))
        assert sum(len(delta.updates) for delta in again) <= COUNT


@pytest.fixture(scope="module")
def collection(server: Live, shared: Shared, partner: Partner) -> Iterator[Any]:
    from taxii2client.v21 import Server

    url = f"http://127.0.0.1:{server.port}/taxii2/"
    with Server(url, user=partner.user, password=partner.password) as found:
        [root] = found.api_roots
        assert found.default is root
        assert root.versions == ["application/taxii+json;version=2.1"]
        [collection] = root.collections
        yield collection


class TestTaxii:
    def test_the_collection_is_read_only(self, collection: Any) -> None:
        assert (collection.title, collection.can_read, collection.can_write) == (
            "harbour",
            True,
            False,
        )

    def test_every_object_once_through_pages(self, collection: Any) -> None:
        from taxii2client.v21 import as_pages

        for asked in (0, 700):
            pages = list(as_pages(collection.get_objects, per_request=asked))
            found = [object_ for page in pages for object_ in page["objects"]]
            assert len({object_["id"] for object_ in found}) == len(found) == COUNT
            assert sum(object_.get("revoked", False) for object_ in found) == 1
        records = [
            record
            for page in as_pages(collection.get_manifest, per_request=900)
            for record in page["objects"]
        ]
        assert [r["id"] for r in records] == [o["id"] for o in found]
        assert [r["version"] for r in records] == [o["modified"] for o in found]
        assert [r["date_added"] for r in records] == sorted(r["date_added"] for r in records)
        after = records[COUNT // 2]["date_added"]
        rest = [
            object_["id"]
            for page in as_pages(collection.get_objects, per_request=500, added_after=after)
            for object_ in page["objects"]
        ]
        assert rest == [r["id"] for r in records[COUNT // 2 + 1 :]]

    def test_what_comes_is_strictly_valid(self, collection: Any) -> None:
        stix2validator = pytest.importorskip("stix2validator")
        objects = collection.get_objects(limit=3)["objects"]
        objects += [o for o in self.last(collection) if o.get("revoked")]
        options = stix2validator.ValidationOptions(strict=True, version="2.1")
        for object_ in objects:
            assert stix2validator.validate_instance(object_, options).is_valid

    def last(self, collection: Any) -> list[dict[str, Any]]:
        from taxii2client.v21 import as_pages

        return list(as_pages(collection.get_objects))[-1]["objects"]

    def test_filters(self, collection: Any) -> None:
        one, two = collection.get_objects(limit=2)["objects"]
        assert collection.get_objects(id=[two["id"], one["id"]])["objects"] == [one, two]
        assert collection.get_object(one["id"])["objects"] == [one]
        assert collection.object_versions(one["id"])["versions"] == [one["modified"]]
        assert collection.get_objects(type="indicator", limit=1)["objects"] == [one]
        assert "objects" not in collection.get_objects(type=["malware", "identity"])
        assert "objects" not in collection.get_objects(spec_version="2.0")
        same = collection.get_objects(id=one["id"], version=one["modified"])
        assert same["objects"] == [one]
        assert "objects" not in collection.get_objects(
            id=one["id"], version="2000-01-01T00:00:00.000Z"
        )
        with pytest.raises(requests.HTTPError) as refused:
            collection.get_object("indicator--00000000-0000-4000-8000-000000000000")
        assert refused.value.response.status_code == 404
