"""People with real keys, as the tests of the handshake have them."""

from tests.unit.handshake.conftest import people

__all__ = ["people"]
