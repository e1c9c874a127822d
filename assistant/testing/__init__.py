"""Parts for tests, of this project and of yours: small fakes behind the real interfaces, and tiny real models."""

from __future__ import annotations
