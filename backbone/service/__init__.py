"""What runs: asyncio, and the only place that waits. Read ``outbound`` first, then ``inbound`` and ``applying``."""
