"""The rules: pure. No asyncio, files, sockets, clock, randomness or drivers.

Read ``message`` (what travels), ``link`` (what is due, what is accepted), ``merge`` (who wins) and ``shadow``
(what is known of an issue), in this order.
"""
