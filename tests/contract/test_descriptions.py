"""The vendors' descriptions, of either format, can be held against a wire."""

from __future__ import annotations

import pytest

from tests.contract.connectwise_wire import PAGES
from tests.contract.description import Description

SPECS = PAGES / "specs"
FILES = {
    "connectwise.openapi.json": ("POST", "/service/tickets", {"summary": 5}, "summary"),
    "autotask.swagger.json": ("POST", "/V1.0/Tickets", {"title": 5}, "title"),
    "halopsa.openapi.json": ("POST", "/Tickets", [{"summary": 5}], "0/summary"),
}

pytestmark = pytest.mark.skipif(not SPECS.exists(), reason="../shared holds no descriptions of the PSAs")


@pytest.fixture(scope="module", params=FILES)
def description(request: pytest.FixtureRequest) -> Description:
    return Description(SPECS / request.param, root="^/nowhere")


def test_every_schema_that_a_request_or_an_answer_needs_is_found(description: Description) -> None:
    pointers = {
        pointer
        for operation in description.operations
        for media in (operation.bodies, *operation.answers.values())
        for pointer in (*media.values(), *(one["schema"] for one in operation.parameters))
    }
    assert len(description.operations) > 100
    assert all(isinstance(description.resolve(pointer), dict) for pointer in pointers)


def test_a_wrong_body_is_wrong_in_each(description: Description) -> None:
    method, path, body, where = FILES[description.name]
    found = description.find(method, path)
    assert found is not None
    [pointer] = set(found[0].bodies.values())
    assert where in {place for place, *_ in description.errors(pointer, body)}
