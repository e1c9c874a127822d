"""Parts for tests, of this project and of yours: contract suites, small fakes, and tiny real models."""

from __future__ import annotations
