"""The partner API under requests drawn from its own description: no server error, only what it promises."""

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.live import Live, Partner

pytestmark = [
    pytest.mark.serial,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning"),
]
EXAMPLES = int(os.environ.get("FANAL_FUZZ_EXAMPLES", "30"))


@pytest.fixture(scope="module")
def described(server: Live) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/api/v1/openapi.json")


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_no_request_breaks_the_server(case: schemathesis.Case, partner: Partner) -> None:
    answer = case.call(headers=partner.bearer, timeout=20)
    case.validate_response(
        answer,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )


def test_the_description_needs_no_foreign_host(server: Live) -> None:
    answer = server.call("GET", "/api/v1/openapi.json")
    assert answer.status == 200
    assert answer.json["openapi"] == "3.1.0"
    paths = answer.json["paths"]
    assert isinstance(paths, dict)
    assert set(paths) >= {"/api/v1/reports", "/api/v1/reports/by-key/{key}"}
    assert b"cdn" not in answer.body
