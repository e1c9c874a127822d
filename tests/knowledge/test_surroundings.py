from collections.abc import Mapping, Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from assistant.knowledge.load import Loaded
from assistant.knowledge.passages import Passage
from assistant.knowledge.split import split
from assistant.knowledge.surroundings import widened

TEXT = "\n\n".join(f"Paragraph number {n} says that valve {n} opens at {n} bar and closes again." for n in range(12))


def words(text: str) -> int:
    return len(text.split())


def passages(text: str = TEXT, *, page: int | None = None, headings: Sequence[str] = ()) -> list[Passage]:
    chunks = split(Loaded("doc", "Doc", text, "text/markdown"), max_tokens=15, count=words)
    return [
        Passage(f"doc-v-{n}", "doc", "Doc", chunk.text, 0.5, chunk.start, chunk.end, page, {"headings": list(headings)})
        for n, chunk in enumerate(chunks)
    ]


def among(known: Sequence[Passage]):
    stored = {passage.id: passage for passage in known}

    def fetch(ids: Sequence[str]) -> Mapping[str, Passage]:
        return {id: stored[id] for id in ids if id in stored}

    return fetch


ALL = passages()


def test_without_room_the_passages_stay_as_they_are() -> None:
    assert [ALL[4], ALL[8]] == widened([ALL[4], ALL[8]], room=0, count=words, fetch=among(ALL))


def test_what_follows_the_best_passage_comes_first_then_what_stands_before_it() -> None:
    one = words(ALL[4].text)
    (after,) = widened([ALL[4]], room=2 * one, count=words, fetch=among(ALL))
    assert (ALL[4].start, ALL[5].end) == (after.start, after.end)
    (both,) = widened([ALL[4]], room=3 * one, count=words, fetch=among(ALL))
    assert (ALL[3].start, ALL[5].end) == (both.start, both.end)
    assert (ALL[4].id, ALL[4].score) == (both.id, both.score)


@given(st.lists(st.integers(0, 11), min_size=1, max_size=6, unique=True), st.integers(0, 200))
def test_offsets_hold_nothing_is_lost_and_nothing_stands_twice(numbers: list[int], room: int) -> None:
    found = [ALL[number] for number in numbers]
    wide = widened(found, room=room, count=words, fetch=among(ALL))
    for passage in wide:
        assert passage.start is not None
        assert passage.end is not None
        assert TEXT[passage.start : passage.end].split() == passage.text.split()
        assert len(TEXT[passage.start : passage.end]) == len(passage.text)
    ranges = sorted((p.start or 0, p.end or 0) for p in wide)
    assert all(end <= start for (_, end), (start, _) in pairwise(ranges))
    assert all(any((p.start or 0) <= (f.start or 0) < (p.end or 0) for p in wide) for f in found)
    assert sum(words(p.text) for p in wide) <= max(room, sum(words(f.text) for f in found))


def test_neighbours_of_another_section_or_page_are_left_out() -> None:
    other = passages(headings=["Elsewhere"])
    assert [ALL[4]] == widened([ALL[4]], room=999, count=words, fetch=among(other))
    assert [ALL[4]] == widened([ALL[4]], room=999, count=words, fetch=among(passages(page=2)))


def test_adjacent_passages_become_one_in_the_place_of_the_better() -> None:
    wide = widened([ALL[7], ALL[2], ALL[6]], room=0, count=words, fetch=among([]))
    assert [(ALL[6].start, ALL[7].end), (ALL[2].start, ALL[2].end)] == [(p.start, p.end) for p in wide]


def test_passages_of_foreign_retrievers_are_left_alone() -> None:
    foreign = [Passage("web", "web", "Web", "text"), Passage("a-b-c", "a", "A", "text")]
    assert foreign == widened(foreign, room=99, count=words, fetch=among(ALL))
