"""Tiny models of the three Llama generations with random weights: real architectures and tokenizers for tests without downloads."""

from __future__ import annotations

import importlib.util
import io
import shutil
import sysconfig
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from assistant.errors import ConfigurationError

LLAMA3_TEMPLATE = (
    "{{- bos_token }}{%- for m in messages %}{{- '<|start_header_id|>' + ('ipython' if m.role == 'tool' else m.role)"
    " + '<|end_header_id|>\n\n' + m.content + '<|eot_id|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}"
)
"""Meta's ChatFormat (llama_models 0.3) as a template: no trimming and no date, unlike the published one."""

LLAMA2_TEMPLATE = (
    "{%- if messages[0].role == 'system' %}{%- set head = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' %}"
    "{%- set rest = messages[1:] %}{%- else %}{%- set head = '' %}{%- set rest = messages %}{%- endif %}"
    "{%- for m in rest %}{%- if m.role == 'user' %}"
    "{{- bos_token + ' [INST] ' + ((head if loop.first else '') + m.content) | trim + ' [/INST]' }}"
    "{%- else %}{{- ' ' + m.content | trim + ' ' + eos_token }}{%- endif %}{%- endfor %}"
)

LLAMA3_SPECIAL = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|reserved_special_token_0|>",
    "<|reserved_special_token_1|>",
    "<|finetune_right_pad_id|>",
    "<|step_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
    "<|image|>",
)
"""In the order of their ids from 128,000 on, followed by reserved ones up to 256 (llama_models, `Tokenizer.__init__`)."""

SMALL = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 32}
VERSION = "1"
"""Part of the folder's name; raise it when what is built changes."""


def tiny_llama(generation: str, cache_dir: Path) -> Path:
    """The folder of a tiny `llama1`, `llama2` or `llama3`, built once in `cache_dir` (5 s; 49 MB for llama3, else 2 MB).

    llama3: grouped-query attention, scaled rope and Meta's own tokenizer, from the package llama-models. llama2 and
    llama1: a SentencePiece vocabulary of 2,000 pieces trained on Python's standard library; llama1 has no chat format.

    Raises:
        ConfigurationError: the generation is unknown, or the package with Meta's tokenizer is missing.
    """
    if generation not in BUILDERS:
        raise ConfigurationError(f"tiny_llama: {generation!r} is unknown; use one of {', '.join(BUILDERS)}")
    target = cache_dir / f"tiny-{generation}-{VERSION}"
    cache_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(cache_dir / f"tiny-{generation}.lock"):
        if not (target / "config.json").is_file():
            _build(BUILDERS[generation], target)
    return target


def _build(builder: Callable[[Path], None], target: Path) -> None:
    """Under another name first, so that a build that is killed leaves nothing that looks finished."""
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        builder(partial)
        partial.chmod(0o755)
        partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _llama3(folder: Path) -> None:
    _llama3_tokenizer(folder)
    stops = [128001, 128008, 128009]
    rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    config = {
        **SMALL,
        "vocab_size": 128256,
        "num_key_value_heads": 2,
        "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        "rope_theta": 500000.0,
        "rope_scaling": {**rope, "original_max_position_embeddings": 8192},
        "bos_token_id": 128000,
        "eos_token_id": stops,
        "pad_token_id": 128004,
    }
    _random_weights(folder, config)


def _llama2(folder: Path) -> None:
    _sentencepiece_tokenizer(folder, LLAMA2_TEMPLATE)
    _random_weights(folder, _first_generations(context=4096, epsilon=1e-5))


def _llama1(folder: Path) -> None:
    _sentencepiece_tokenizer(folder, None)
    _random_weights(folder, _first_generations(context=2048, epsilon=1e-6))


BUILDERS: Mapping[str, Callable[[Path], None]] = {"llama1": _llama1, "llama2": _llama2, "llama3": _llama3}


def _first_generations(*, context: int, epsilon: float) -> dict[str, Any]:
    return {
        **SMALL,
        "vocab_size": 2000,
        "num_key_value_heads": 4,
        "max_position_embeddings": context,
        "rms_norm_eps": epsilon,
        "tie_word_embeddings": False,
        "rope_theta": 10000.0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }


def _llama3_tokenizer(folder: Path) -> None:
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import TikTokenConverter

    reserved = [f"<|reserved_special_token_{2 + i}|>" for i in range(256 - len(LLAMA3_SPECIAL))]
    special = [*LLAMA3_SPECIAL, *reserved]
    converter: Any = TikTokenConverter  # transformers leaves its constructors untyped
    backend = converter(vocab_file=str(_meta_tokenizer()), extra_special_tokens=special).converted()
    begin = LLAMA3_SPECIAL[0]
    template = processors.TemplateProcessing(single=f"{begin} $A", special_tokens=[(begin, backend.token_to_id(begin))])
    backend.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    names = {"bos_token": begin, "eos_token": "<|eot_id|>", "pad_token": "<|finetune_right_pad_id|>"}
    fast: Any = PreTrainedTokenizerFast
    tokenizer = fast(
        tokenizer_object=backend,
        **names,
        model_max_length=131072,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = LLAMA3_TEMPLATE
    tokenizer.save_pretrained(folder)


def _meta_tokenizer() -> Path:
    spec = importlib.util.find_spec("llama_models")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(place) / "llama3" / "tokenizer.model").is_file():
            return path
    raise ConfigurationError(
        "tiny_llama: Meta's tokenizer comes in a package that is not installed: "
        "`pip install --no-deps llama-models==0.3.0` (Llama 3 Community License)"
    )


def _sentencepiece_tokenizer(folder: Path, template: str | None) -> None:
    import sentencepiece
    from transformers import LlamaTokenizer

    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[:60]
    lines = [line for path in files for line in path.read_text(encoding="utf-8", errors="ignore").splitlines()]
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=written,
        vocab_size=2000,
        model_type="bpe",
        byte_fallback=True,
        split_digits=True,
        character_coverage=0.9998,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        minloglevel=2,
    )
    (folder / "tokenizer.model").write_bytes(written.getvalue())
    tokenizer = LlamaTokenizer.from_pretrained(str(folder), legacy=True, add_bos_token=True, add_eos_token=False)
    if template:
        tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)


def _random_weights(folder: Path, config: dict[str, Any]) -> None:
    """Wider than the usual 0.02, so that the most likely token is not nearly tied with the next."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        untyped: Any = LlamaForCausalLM
        model = untyped(LlamaConfig(**config))
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.08)
    model = model.to(torch.bfloat16)
    tokens = {name: config[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id") if name in config}
    generation: Any = GenerationConfig
    model.generation_config = generation(**tokens)
    model.save_pretrained(folder)
