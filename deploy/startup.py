"""How long a model may take to download and to start, by the size of its weights."""

from __future__ import annotations

from dataclasses import dataclass

HUB_RATE = 200e6
"""Bytes a second from the hub to an instance: an assumption on the safe side, 10 Gbit/s networks reach several times it."""

S3_RATE = 300e6
"""Bytes a second from S3 to the instance's disk; an assumption on the safe side."""

LOAD_RATE = 500e6
"""Bytes a second from disk to the GPUs; an assumption on the safe side for local NVMe."""

WARM_UP = 300
"""Seconds for imports, compiling, capturing graphs and a first forward pass."""

SAFETY = 1.5
LEAST, MOST = 900, 3600
"""Seconds; SageMaker allows 60 to 3600 (API reference, ProductionVariant), and its default of minutes is too short."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds SageMaker waits for the download from S3, and from the container's start to its first answer to /ping.

    `expected` is the longer of both without the safety margin; above `MOST` the endpoint cannot come up.
    """

    download: int
    startup: int
    expected: int

    def warning(self) -> str | None:
        """What to do where the weights cannot arrive in time."""
        if self.expected <= MOST:
            return None
        return (
            f"the weights take about {self.expected // 60} minutes to arrive, and SageMaker waits {MOST // 60} at most: "
            f"put the model uncompressed into S3 (--source s3://…), or take a smaller form of it"
        )


def timeouts(size: int, *, from_s3: bool) -> Timeouts:
    """For a checkpoint of `size` bytes, downloaded by SageMaker from S3, or by the container from the hub."""
    load = size / LOAD_RATE + WARM_UP
    download = size / (S3_RATE if from_s3 else HUB_RATE)
    startup = load if from_s3 else load + download
    longest = max(download, startup) if from_s3 else startup
    return Timeouts(_padded(download if from_s3 else 0), _padded(startup), int(longest))


def _padded(seconds: float) -> int:
    return min(MOST, max(LEAST, -(-int(seconds * SAFETY) // 60) * 60))
