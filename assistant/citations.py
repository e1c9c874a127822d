"""Citations made true while the text streams, and what no passage supports marked or withheld."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assistant.answers import Citation, Grounded
from assistant.claims import claims
from assistant.evidence import FOUND, Evidence
from assistant.pieces import Piece, Pieces, Reference, Stop, Words
from assistant.support import Span, spans, units

CODE_LIKE = re.compile(r"(?:^|[^\w])(?:[A-Za-z]|\w*_\w*|[\w.]*\w[)\]])$", re.ASCII)
"""`x[1]`, `my_list[1]`, `f(x)[1]`: an index, not a citation, unless the passage supports it."""

UNCLAIMED = re.compile(r"^#|[?\uff1f\u061f\u037e][\"')\u201d\u300d*_]*$")
"""A heading or a question claims nothing."""

LEADS = re.compile(r"[:\uff1a][*_]*$")
"""What ends with a colon only leads to what follows, unless it gives numbers."""

ALONE = 2
"""Words, pairs of characters or numbers from which a sentence is judged by itself: "Yes." is judged with the next."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A citation `[number]` and where it stands in the text without citations (characters)."""

    position: int
    number: int


@dataclass(frozen=True, slots=True)
class Cites:
    """Citations as they are shown, with the white space before them."""

    gap: str
    numbers: tuple[int, ...]


class Verifier:
    """Passes on the text of an answer in which every sentence cites a passage that supports it, or none.

    A citation leaves as `[n]`, also from `[1, 2]`, `[1-3]` and `【1】`; where its passage does not support the sentence
    it names the one that does, or goes. A supported sentence without one gets one at its end. With `withhold`, text
    leaves a sentence at a time and a sentence that claims what no passage supports stays back; without, text leaves as
    it comes, and only what stands behind a doubtful citation waits for the end of its sentence. Code, links, tables and
    other brackets pass unchanged; however the text is cut into deltas, the same text comes out.
    For threads, not for an event loop, unless the text `passes`.
    """

    def __init__(self, evidence: Evidence, *, withhold: bool = False) -> None:
        self.plain = ""  # what left, without citations
        self.markers: list[Marker] = []  # the citations that left, by their place in `plain`
        self._evidence = evidence
        self._withhold = withhold
        self._pieces = Pieces()
        self._sentence = ""  # the words of the sentence that is being written
        self._held: list[Piece] = []  # the end of it, which has not left
        self._cited = False  # a citation of it has left
        self._fence = False  # it is a block of code
        self._short = False  # it has ended, but is too short to be judged alone
        self._open = False  # a citation left last
        self._row = False  # the sentence before it is a row of a table
        self._waiting: list[str | Cites] = []  # sentences that claim nothing, until one is shown that does
        self._owed: dict[int, None] = {}  # passages that support rows of a table, which have no place for a citation
        self._judged = {True: 0, False: 0}  # sentences that a passage supports, and that none does

    def feed(self, text: str) -> str:
        """The text that may leave now."""
        return "".join(map(self._take, self._pieces.feed(text)))

    def finish(self) -> str:
        """The rest, when no more text will come."""
        rest = "".join(map(self._take, self._pieces.finish())) + self._end(whole=True)
        if self._judged[True] or not self._judged[False]:
            while self._waiting and self._judged[False] and _leads(self._waiting[-1]):
                self._waiting.pop()
            rest += self._show(self._waiting)
        return rest + self._settle()

    def passes(self, text: str) -> bool:
        """Whether `text` is taken in without judging anything."""
        return self._pieces.passes(text) and not self._short

    @property
    def grounded(self) -> Grounded:
        """`yes` where a passage supports every sentence that claims something, `partly` where some, `no` where none."""
        if not self._judged[True]:
            return "no"
        return "partly" if self._judged[False] else "yes"

    def _take(self, piece: Piece) -> str:
        if isinstance(piece, Stop):
            return self._end()
        ended = self._end(whole=True) if self._short and isinstance(piece, Words) and piece.text[0] == "\n" else ""
        self._short = False
        before, self._sentence = self._sentence, self._sentence + (piece.text if isinstance(piece, Words) else "")
        if isinstance(piece, Words) and piece.code:
            ended += self._end(whole=True) if self._held else ""
            self._fence = True
            return ended + self._show([*self._taken(), piece.text])
        if not self._withhold and not self._held:
            if isinstance(piece, Words):
                return ended + self._show([piece.text])
            if self._plainly(piece, before):
                self._cited = True
                return ended + self._show([Cites(piece.gap, piece.numbers)])
        self._held.append(piece)
        return ended

    def _end(self, *, whole: bool = False) -> str:
        """What leaves at the end of a sentence; with `whole` also of one too short to be judged alone."""
        body = self._sentence.strip()
        if self._withhold and not whole and body and not self._fence and _short(body):
            self._short = True
            return ""
        held, cited, fence = self._held, self._cited, self._fence
        self._sentence, self._held, self._cited, self._fence, self._short = "", [], False, False, False
        row, self._row = self._row, body.startswith("|")
        if fence or not body:
            return self._pass(held)
        if not self._claims(body, head=self._row and not row):
            return self._pass(self._resolved(held, body, None))
        return self._judge(held, body, cited)

    def _judge(self, held: Sequence[Piece], body: str, cited: bool) -> str:
        kept = any(self._kept(held, place, body) for place, piece in enumerate(held) if isinstance(piece, Reference))
        found = None if kept or cited else self._evidence.supporter(body)
        # a citation may stand for one half of a sentence: what the other half claims to the letter must stand somewhere
        supported = found is not None or ((kept or cited) and self._evidence.backs(body))
        self._judged[supported] += 1
        if self._withhold and not supported:
            while self._waiting and isinstance(blank := self._waiting[-1], str) and not blank.strip():
                self._waiting.pop()
            return ""
        parts = list(self._resolved(held, body, found))
        if found is not None and not any(isinstance(part, Cites) for part in parts):
            if self._row:
                self._owed[found] = None
            else:
                parts.append(Cites(" ", (found,)))
        return self._show([*self._taken(), *parts])

    def _claims(self, body: str, *, head: bool) -> bool:
        """Whether a sentence says something that a passage could support; the head of a table does not, a heading or
        a question only by a number or name that stands nowhere."""
        if head or not units(body):
            return False
        if UNCLAIMED.search(body):
            return not self._evidence.backs(body)
        return not LEADS.search(body) or bool(claims(body, self._evidence.language).numbers)

    def _kept(self, held: Sequence[Piece], place: int, body: str) -> tuple[int, ...]:
        """The numbers of a citation whose passages support the sentence, what stands before it, or what follows."""
        reference = held[place]
        rest = "".join(piece.text for piece in held[place:] if isinstance(piece, Words))
        before = body[: len(body) - len(rest.rstrip())] if rest.strip() else body
        around = dict.fromkeys(text for text in (body, before.strip(), rest.strip()) if text)
        known = [number for number in _numbers(reference) if number <= len(self._evidence.passages)]
        return tuple(n for n in known if any(self._evidence.holds(text, n) for text in around))

    def _resolved(self, held: Sequence[Piece], body: str, found: int | None) -> Iterator[str | Cites]:
        """The held pieces with their citations made true; the first that does not hold names the passage `found`."""
        for place, piece in enumerate(held):
            if isinstance(piece, Words):
                yield piece.text
            elif isinstance(piece, Reference):
                before = "".join(part.text for part in held[:place] if isinstance(part, Words))
                if kept := self._kept(held, place, body):
                    yield Cites(piece.gap, kept)
                elif not piece.gap and CODE_LIKE.search((self.plain + before)[-80:]):
                    yield piece.written
                elif found is not None:
                    yield Cites(piece.gap, (found,))
                    found = None
                elif piece.glued:
                    yield piece.gap

    def _plainly(self, reference: Piece, before: str) -> bool:
        """Whether the words before a citation tell that it holds."""
        numbers = _numbers(reference)
        known = bool(numbers) and max(numbers) <= len(self._evidence.passages)
        return known and all(self._evidence.holds(before.strip(), number, bar=FOUND, deep=False) for number in numbers)

    def _pass(self, parts: Sequence[Piece] | Iterator[str | Cites]) -> str:
        """Text that claims nothing: shown at once, or when something is shown that does."""
        texts = [part.text if isinstance(part, Words) else part for part in parts]
        shown = [part for part in texts if isinstance(part, str | Cites)]
        if self._withhold:
            self._waiting += shown
            return ""
        return self._show(shown)

    def _taken(self) -> list[str | Cites]:
        waiting, self._waiting = self._waiting, []
        return waiting

    def _show(self, parts: Sequence[str | Cites]) -> str:
        shown = ""
        for part in parts:
            if isinstance(part, Cites):
                self.markers += [Marker(len(self.plain), number) for number in part.numbers]
                shown += part.gap + "".join(f"[{number}]" for number in part.numbers)
            else:
                text = f" {part}" if self._open and part.startswith("(") else part  # a link otherwise
                self.plain += text
                shown += text
            self._open = isinstance(part, Cites)
        return shown

    def _settle(self) -> str:
        """The citations that had no place: those of tables."""
        numbers = [number for number in self._owed if number not in {marker.number for marker in self.markers}]
        return self._show([Cites("\n\n", tuple(numbers))]) if numbers else ""


def bind(text: str, markers: Sequence[Marker], evidence: Evidence) -> tuple[Citation, ...]:
    """One citation for each number among the markers of `text`, in order of appearance."""
    sentences = spans(text)
    cited: dict[int, list[str]] = {}
    for marker in markers:
        cited.setdefault(marker.number, []).append(_cited_sentence(sentences, marker.position))
    return tuple(_citation(number, evidence, " ".join(said)) for number, said in cited.items())


def _citation(number: int, evidence: Evidence, said: str) -> Citation:
    passage = evidence.passages[number - 1]
    found = evidence.quote(number, said)
    offset = passage.start
    return Citation(
        number=number,
        source=passage.source,
        title=passage.title,
        quote=found.text,
        page=passage.page,
        start=None if offset is None else offset + found.start,
        end=None if offset is None else offset + found.end,
        score=passage.score,
    )


def _cited_sentence(sentences: Sequence[Span], position: int) -> str:
    """The sentence a marker at `position` belongs to: the one it stands in or after."""
    before = [span for span in sentences if span.start < position]
    chosen = before[-1:] or sentences[:1]
    return chosen[0].text if chosen else ""


def _numbers(piece: Piece) -> tuple[int, ...]:
    return piece.numbers if isinstance(piece, Reference) else ()


def _short(body: str) -> bool:
    said = units(body)
    return len(said) < ALONE and not any(unit[0].isdigit() for unit in said)


def _leads(part: str | Cites) -> bool:
    return isinstance(part, str) and (not part.strip() or LEADS.search(part.strip()) is not None)
