"""The metrics, and their values for one question."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from assistant.evaluation.normal import contains, normalise

if TYPE_CHECKING:
    from assistant.evaluation.dataset import Query, Span
    from assistant.evaluation.place import Places
    from assistant.evaluation.system import Answered
    from assistant.knowledge.passages import Passage

Kind = Literal["share", "count"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: what its mean says, and which way is better."""

    name: str
    says: str
    kind: Kind = "share"
    lower_is_better: bool = False


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("recall@1", "relevant documents that came first"),
        Metric("recall@5", "relevant documents among the first 5"),
        Metric("recall@10", "relevant documents among the first 10"),
        Metric("hit@1", "questions whose first document is relevant"),
        Metric("mrr@10", "one over the place of the first relevant document"),
        Metric("ndcg@10", "order of the first 10 documents, against the best one possible"),
        Metric("document_in_context", "questions with a relevant document in 1,500 tokens"),
        Metric("answer_in_context", "questions whose answer stands in 1,500 tokens"),
        Metric("evidence", "characters of the evidence that stand in 1,500 tokens"),
        Metric("contains_gold", "answers that contain what was expected"),
        Metric("citation_precision", "citations of a relevant document, or of a passage that holds the answer"),
        Metric("citation_recall", "given answers with at least one such citation"),
        Metric("refused_answerable", "answerable questions that were refused", lower_is_better=True),
        Metric("refused_unanswerable", "unanswerable questions that were refused"),
        Metric("prompt_tokens", "tokens of the prompt", "count", lower_is_better=True),
    )
}
"""Every metric by name, in the order of reports."""


def ranking(ids: Sequence[str], grades: Mapping[str, float]) -> dict[str, float]:
    """How well `ids`, documents best first and each once, are ordered for one question.

    recall@k is the share of the relevant documents (grade above 0) among the first k. MRR@10 is one over the place of
    the first relevant one. nDCG@10 uses the grade as gain and log2(place + 1) as discount (Järvelin & Kekäläinen 2002).
    """
    relevant = {document for document, grade in grades.items() if grade > 0}
    recalls = {f"recall@{k}": len(relevant.intersection(ids[:k])) / max(1, len(relevant)) for k in (1, 5, 10)}
    first = next((place for place, document in enumerate(ids[:10], start=1) if document in relevant), None)
    ideal = _gain(sorted(grades.values(), reverse=True))
    gain = _gain([grades.get(document, 0) for document in ids])
    return {
        **recalls,
        "hit@1": float(first == 1),
        "mrr@10": 1 / first if first else 0.0,
        "ndcg@10": gain / ideal if ideal else 0.0,
    }


def context(query: Query, passages: Sequence[Passage], places: Places) -> dict[str, float]:
    """What stands in `passages`, those of a prompt; `places` says where in their documents.

    White space does not count as evidence: where a document is cut it belongs to no passage. The answer stands there when one gold place does, whole, or one gold text, normalised, in any passage. Where all are
    required, all places must, or all texts. Long-form answers are not looked for.
    """
    gold = query.gold
    values = {}
    if query.relevant:
        values["document_in_context"] = float(any(passage.source in query.relevant for passage in passages))
    parts = [_held(span, passages, places) for span in gold.spans]
    shares = [held / whole for held, whole in parts]
    if parts:
        values["evidence"] = sum(held for held, _ in parts) / sum(whole for _, whole in parts)
    if shares or (gold.answers and not gold.longform):
        enough = all if gold.all_required else any
        held_whole = bool(shares) and enough(share == 1 for share in shares)
        values["answer_in_context"] = float(held_whole or _stands(query, [passage.text for passage in passages]))
    return values


def answering(query: Query, answered: Answered) -> dict[str, float]:
    """What an answer is worth; citations are judged in given answers to answerable questions.

    A citation holds where its document is relevant or its quote has a gold answer.
    """
    values = {"prompt_tokens": float(answered.prompt_tokens)}
    if not query.answerable:
        return {"refused_unanswerable": float(answered.refused), **values}
    values["refused_answerable"] = float(answered.refused)
    if query.gold.answers and not query.gold.longform:
        values["contains_gold"] = float(not answered.refused and _stands(query, [answered.text]))
    if answered.citations is not None and query.judged and not answered.refused:
        held = [
            citation.source in query.relevant or _stands(query, [citation.quote], enough=any)
            for citation in answered.citations
        ]
        values["citation_recall"] = float(any(held))
        if held:
            values["citation_precision"] = sum(held) / len(held)
    return values


def _gain(grades: Sequence[float]) -> float:
    return sum(max(0, grade) / math.log2(place + 1) for place, grade in enumerate(grades[:10], start=1))


def _stands(query: Query, texts: Sequence[str], *, enough: Callable[[Iterable[bool]], bool] | None = None) -> bool:
    """Whether a gold text, or all of them where all are required, stands in one of `texts`."""
    enough = enough or (all if query.gold.all_required else any)
    plain = [normalise(text, query.language) for text in texts]
    golds = [normalise(answer, query.language) for answer in query.gold.answers]
    return bool(golds) and enough(any(contains(text, gold) for text in plain) for gold in golds)


def _held(span: Span, passages: Sequence[Passage], places: Places) -> tuple[int, int]:
    """How many characters of a span the passages hold, each once, and how many it has; white space left out."""
    text = places.text(span)
    missing = set(place for place, character in enumerate(text, span.start) if not character.isspace())
    whole = len(missing)
    for passage in passages:
        start = places.locate(passage) if passage.source == span.document else None
        if start is not None:
            missing.difference_update(range(start, start + len(passage.text)))
    return (whole - len(missing), whole) if whole else (1, 1)
