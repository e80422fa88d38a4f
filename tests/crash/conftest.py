"""Short folders, as for the acceptance tests."""

from tests.acceptance.conftest import shared_place

__all__ = ["shared_place"]
