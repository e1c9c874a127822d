"""Every error the SDK raises answers two questions: whose fault, and is it worth trying again?

AssistantError
├── ConfigurationError      a setting, a folder or an installation is wrong; a person must act
├── InvalidWebhook          a webhook that does not prove its origin
├── TransientError          the same call may succeed later
│   ├── RateLimited         … not before `retry_after` seconds
│   └── EngineUnavailable   the model does not answer now
└── PermanentError          the same call will fail again
    ├── Rejected            the other side refuses: blocked user, bad token, closed window
    ├── InvalidQuestion     a question or an option that cannot be answered as given
    ├── PromptTooLong       the prompt does not fit the model's context
    └── Unreadable          a document that cannot be turned into text

A message names what was wrong, where, and what to do. No message contains a secret.
"""

from __future__ import annotations


class AssistantError(Exception):
    """Root of every error raised on purpose by this SDK."""


class ConfigurationError(AssistantError):
    """A setting, a folder or an installation is wrong; the message names it and the remedy."""


class InvalidWebhook(AssistantError):
    """A webhook request that does not prove where it comes from; answered with a bare 401."""


class TransientError(AssistantError):
    """The same call may succeed later."""


class RateLimited(TransientError):
    """Too many calls; try again after `retry_after` seconds (None where the other side does not say)."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EngineUnavailable(TransientError):
    """The model cannot answer now: not started, out of memory, or its process died."""


class PermanentError(AssistantError):
    """The same call will fail again."""


class Rejected(PermanentError):
    """The other side refuses: blocked user, bad token, closed window."""


class InvalidQuestion(PermanentError, ValueError):
    """A question or an option that cannot be answered as given: empty, too long, unknown."""


class PromptTooLong(PermanentError):
    """The prompt and the answer asked for do not fit the model's context; all figures are tokens."""

    def __init__(self, *, prompt_tokens: int, max_tokens: int, context_tokens: int) -> None:
        super().__init__(
            f"the prompt has {prompt_tokens} tokens and {max_tokens} are asked for the answer, "
            f"but the model's context holds {context_tokens}: shorten the prompt, lower max_tokens "
            f"or raise engine.max_model_len"
        )
        self.prompt_tokens = prompt_tokens
        self.max_tokens = max_tokens
        self.context_tokens = context_tokens


class Unreadable(PermanentError):
    """A document that cannot be turned into text; the message is the reason shown in the ingest report."""
