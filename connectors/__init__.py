"""Connectors put the assistant on messaging platforms: one file a platform, found by the entry point group `assistant.connectors`."""
