from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lexicon_rows import asked, found, row

from assistant.knowledge.corpus import MANY
from assistant.knowledge.lexicon import Lexicon, Row
from assistant.knowledge.terms import terms

TEXTS = [
    "The pump E-42 delivers 300 litres an hour.",
    "The valve is opened before the pump is started.",
    "The warranty covers the pump for three years.",
    "黑豹队的防守丢了308分。",
]


@pytest.fixture
def lexicon(tmp_path: Path) -> Iterator[Lexicon]:
    lexicon = Lexicon(tmp_path / "lexicon")
    lexicon.add(row(number, text) for number, text in enumerate(TEXTS))
    lexicon.commit()
    yield lexicon
    lexicon.close()


def test_the_passage_that_holds_the_rare_words_comes_first(lexicon: Lexicon) -> None:
    assert "2-1-0" == found(lexicon, "Is there a warranty on the pump?")[0]
    assert "0-1-0" == found(lexicon, "E42")[0]
    assert ["3-1-0"] == found(lexicon, "黑豹队")


def test_what_is_not_committed_is_not_seen(lexicon: Lexicon) -> None:
    lexicon.add([row(9, "A zeppelin.")])
    assert [] == found(lexicon, "zeppelin")

    lexicon.commit()
    assert ["9-1-0"] == found(lexicon, "zeppelin")


def test_adding_again_replaces_and_a_deleted_generation_is_gone(lexicon: Lexicon) -> None:
    lexicon.add([row(0, TEXTS[0]), row(0, TEXTS[0]), row(1, "A zeppelin.")])
    lexicon.commit()
    assert (4, ["1-1-0"]) == (lexicon.count(), found(lexicon, "zeppelin"))
    assert [] == found(lexicon, "valve")

    lexicon.delete([("1", "1"), ("none", "1"), ("2", "2")])
    lexicon.commit()
    assert (3, []) == (lexicon.count(), found(lexicon, "zeppelin"))
    assert {"0-1-0", "2-1-0", "3-1-0"} == lexicon.ids()


WORDS = st.sampled_from(["pump", "valve", "hose", "seal", "北京", "E-42"])
PASSAGES = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.lists(WORDS, min_size=1, max_size=12).map(" ".join)), max_size=12
)


@settings(deadline=None, max_examples=25)
@given(PASSAGES, st.dictionaries(WORDS, st.floats(0, 5), max_size=6), st.lists(st.sampled_from(["a", "b", "d"])))
def test_a_search_and_the_shares_of_single_passages_agree_and_stay_within_the_partitions(
    tmp_path_factory: pytest.TempPathFactory,
    passages: list[tuple[str, str]],
    weights: dict[str, float],
    partitions: list[str],
) -> None:
    lexicon = Lexicon(tmp_path_factory.mktemp("lexicon"))
    lexicon.add(row(number, text, partition=part) for number, (part, text) in enumerate(passages))
    lexicon.commit()
    question = {term: weight for word, weight in weights.items() for term in terms(word)}
    every = [f"{number}-1-0" for number in range(len(passages))]

    hits = lexicon.search(question, 100, partitions=partitions)
    shares = lexicon.shares(question, [*every, "none"], partitions=partitions)
    owed = {id: sum(lexicon.words(question, id, partitions=partitions).values()) for id in every}
    lexicon.close()

    assert [*every, "none"] == list(shares)
    assert {id: share for id, share in shares.items() if share} == pytest.approx(dict(hits), abs=2e-6)
    assert owed == pytest.approx({id: shares[id] for id in every}, abs=1e-4)
    assert all(0.0 <= share <= 1.0 for share in shares.values())
    assert hits == sorted(hits, key=lambda hit: (-hit[1], hit[0]))
    assert all(passages[int(id.split("-")[0])][0] in partitions for id, _ in hits)


def test_a_score_tells_nothing_of_other_partitions(tmp_path: Path) -> None:
    def scores(folder: Path, others: list[Row]) -> list[Mapping[str, float]]:
        lexicon = Lexicon(folder)
        lexicon.add([row(0, "pump and valve"), row(1, "pump and hose"), *others])
        lexicon.commit()
        question = asked("Is there a pump with a seal?")
        shares = dict(lexicon.search(question, 10, partitions=["public"]))
        weights = lexicon.weights(question, partitions=["public"])
        lexicon.close()
        return [shares, weights]

    alone = scores(tmp_path / "alone", [row(2, "seal and hose", partition="other")])
    crowded = scores(tmp_path / "crowded", [row(n, "seal and pump", partition="other") for n in range(2, 40)])

    assert alone[0] == pytest.approx(crowded[0], rel=0.01)  # only the average length is everybody's
    assert alone[1] == crowded[1]


def test_partitions_do_not_begin_like_others(lexicon: Lexicon) -> None:
    lexicon.add([row(5, "zeppelin", partition="publi"), row(6, "zeppelin", partition="public ")])
    lexicon.commit()

    assert [] == found(lexicon, "zeppelin", partitions=["public"])
    assert ["5-1-0"] == found(lexicon, "zeppelin", partitions=["publi"])
    assert ["5-1-0", "6-1-0"] == sorted(found(lexicon, "zeppelin"))
    assert [] == found(lexicon, "zeppelin", partitions=[])


def test_a_share_is_of_what_the_whole_question_could_get(lexicon: Lexicon) -> None:
    def best(question: Mapping[str, float]) -> float:
        return lexicon.search(question, 1, partitions=None)[0][1]

    assert best({"valve": 1.0}) == pytest.approx(best({"valve": 7.0}), abs=1e-6)
    assert best({"valve": 1.0}) > best({"valve": 1.0, "zeppelin": 1.0}) > best({"valve": 1.0, "zeppelin": 2.0}) > 0
    assert best({"valve": 1.0}) == best({"valve": 1.0, "zeppelin": 0.0})


def test_a_term_that_nobody_holds_is_the_rarest(lexicon: Lexicon) -> None:
    weights = lexicon.weights({"zeppelin": 1.0, "valve": 1.0, "pump": 1.0, "hose": 2.0}, partitions=None)

    assert weights["zeppelin"] > weights["valve"] > weights["pump"] > 0
    assert weights["hose"] == 2 * weights["zeppelin"]


def test_an_explanation_names_words_and_not_their_parts(lexicon: Lexicon) -> None:
    owed = lexicon.words(asked("Do pumps have a warranty?"), "2-1-0", partitions=None)

    assert {"warranty", "pumps"} == set(owed)
    assert owed["warranty"] > owed["pumps"] > 0
    assert {} == lexicon.words(asked("warranty"), "none", partitions=None)


def test_a_question_of_nothing_finds_nothing(lexicon: Lexicon) -> None:
    assert [] == lexicon.search({}, 5, partitions=None)
    assert [] == lexicon.search({"pump": 1.0}, 0, partitions=None)
    assert {"0-1-0": 0.0} == lexicon.shares({}, ["0-1-0"], partitions=None)
    assert {} == lexicon.shares({"pump": 1.0}, [], partitions=None)


def test_searches_run_while_passages_are_written(lexicon: Lexicon) -> None:
    done = threading.Event()

    def look() -> int:
        runs = 0
        while not done.is_set() or not runs:
            counts = {len(found(lexicon, "zeppelin", k=100)) % 10 for _ in range(5)}
            assert {0} == counts
            assert 1.0 >= lexicon.shares(asked("pump"), ["0-1-0"], partitions=None)["0-1-0"] > 0
            runs += 1
        return runs

    with ThreadPoolExecutor(3) as pool:
        looking = [pool.submit(look) for _ in range(3)]
        for version in range(10):
            lexicon.add(Row(f"z-{version}-{n}", ("z", str(version)), "public", "A zeppelin.") for n in range(10))
            lexicon.delete([("z", str(version - 1))])
            lexicon.commit()
        done.set()
        assert all(future.result() for future in looking)
    assert (14, 10) == (lexicon.count(), len(found(lexicon, "zeppelin", k=100)))


def test_in_a_large_collection_what_most_passages_hold_weighs_nothing(tmp_path: Path) -> None:
    lexicon = Lexicon(tmp_path)
    lexicon.add(row(number, "pump" if number < MANY + 1 else "hose") for number in range(MANY + 300))
    lexicon.commit()
    weights = lexicon.weights({"pump": 1.0, "hose": 1.0}, partitions=None)
    hits = lexicon.search({"pump": 1.0}, 5, partitions=None)
    lexicon.close()

    assert (0.0, []) == (weights["pump"], hits)
    assert weights["hose"] > 1
