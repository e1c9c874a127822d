"""From a dialog to prompt token ids. Content never becomes control: what users type and documents say is encoded as text, in every format."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from assistant.errors import ConfigurationError
from assistant.llms.dialog import Turn
from assistant.llms.llama2 import Llama2
from assistant.llms.llama3 import CONTROL as LLAMA3
from assistant.llms.llama3 import Llama3
from assistant.llms.plain import PlainText
from assistant.llms.templated import CHATML, Templated


class PromptFormat(Protocol):
    """How a model family writes a dialog."""

    name: str
    plain: PlainText
    """Encodes content."""
    stop_token_ids: tuple[int, ...]
    """Where an answer ends."""
    tool_parser: str | None
    """Name of the vLLM parser that reads this family's tool calls."""
    knows_tools: bool
    """Whether a prompt of this family can present tools; a call can be forced in any case."""

    def encode(self, turns: Sequence[Turn], tools: Sequence[dict[str, Any]] = ()) -> list[int]:
        """Prompt ids of the dialog, ending where the assistant's answer begins."""
        ...


class Completion:
    """For base models: the text of the messages, and the model goes on writing."""

    name = "completion"
    tool_parser: str | None = None
    knows_tools = False

    def __init__(self, tokenizer: Any) -> None:
        self.plain = PlainText(tokenizer)
        own = tokenizer.eos_token_id
        self.stop_token_ids: tuple[int, ...] = () if own is None else (int(own),)
        first = tokenizer("a")["input_ids"][:1]
        self._begin = first if first == [tokenizer.bos_token_id] else []

    def encode(self, turns: Sequence[Turn], tools: Sequence[dict[str, Any]] = ()) -> list[int]:
        """Prompt ids of the texts, separated by empty lines; `tools` are left out, as no base model knows any."""
        return [*self._begin, *self.plain("\n\n".join(turn.content for turn in turns))]


def _chatml(tokenizer: Any) -> PromptFormat:
    vocabulary = tokenizer.get_vocab()
    _ = vocabulary["<|im_start|>"], vocabulary["<|im_end|>"]
    return Templated(tokenizer, name="chatml", template=CHATML)


def _template(tokenizer: Any) -> PromptFormat:
    if not tokenizer.chat_template:
        raise KeyError("a chat template")
    return Templated(tokenizer)


FORMATS: Mapping[str, Callable[[Any], PromptFormat]] = {
    "llama3": Llama3,
    "llama2": Llama2,
    "chatml": _chatml,
    "template": _template,
    "completion": Completion,
}


def open_format(tokenizer: Any, *, chat_format: str | None, model: str) -> PromptFormat:
    """The prompt format called `chat_format`, or the one that the model's tokenizer and chat template show.

    Raises:
        ConfigurationError: the name is unknown, the tokenizer lacks its tokens, or the model has no chat format at all.
    """
    name = chat_format or _detect(tokenizer, model)
    if name not in FORMATS:
        near = difflib.get_close_matches(name, FORMATS, n=1, cutoff=0.0)[0]
        raise ConfigurationError(
            f"engine.chat_format {name!r} is unknown; did you mean {near!r}? There are {', '.join(FORMATS)}"
        )
    try:
        return FORMATS[name](tokenizer)
    except (KeyError, TypeError) as error:
        raise ConfigurationError(
            f"engine.chat_format {name!r} does not fit the tokenizer of {model!r}, which lacks {error}"
        ) from error


def _detect(tokenizer: Any, model: str) -> str:
    template = str(tokenizer.chat_template or "")
    if not template:
        raise ConfigurationError(
            f"engine.model {model!r} is a base model without a chat format: use its instruct or chat variant, "
            f"set engine.chat_format to the format it was trained on ({', '.join(FORMATS)}), or to 'completion' for plain text"
        )
    if LLAMA3[1] in template and all(token in tokenizer.get_vocab() for token in LLAMA3):
        return "llama3"
    return "llama2" if "<<SYS>>" in template and "[INST]" in template else "template"
