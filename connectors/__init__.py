"""Connectors put the assistant on messaging platforms: one class a platform, found by the entry point group `assistant.connectors`."""
