"""The commands of `assistant`, a module each; `assistant.cli` imports one when it runs."""
