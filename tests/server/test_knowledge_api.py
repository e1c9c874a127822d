from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from langchain_core.documents import Document

from assistant.knowledge import Knowledge
from assistant.settings import Settings

Open = Callable[..., TestClient]
URL = "/v1/knowledge/documents"
PUMP = b"# Pump\n\nThe pump is oiled every 200 hours of operation.\n"
PLANT = b"# Plant\n\nThe fern in the hall needs water on Mondays.\n"


@pytest.fixture
def filled(open_app: Open, knowledge: Knowledge) -> TestClient:
    return open_app(knowledge=knowledge)


def upload(client: TestClient, *files: tuple[str, bytes], **fields: str) -> Any:
    return client.post(URL, files=[("file", (name, content)) for name, content in files], data=fields)


def titles(client: TestClient) -> list[str]:
    return sorted(Path(document["source"]).name for document in client.get(URL).json()["documents"])


def test_files_that_are_uploaded_can_be_searched_and_asked_about(filled: TestClient) -> None:
    report = upload(filled, ("pump.md", PUMP), ("plant.md", PLANT))

    assert 200 == report.status_code, report.text
    assert (2, []) == (report.json()["added"], report.json()["refused"])
    assert 2 == len({document["id"] for document in report.json()["documents"]})
    best = filled.post("/v1/knowledge/search", json={"query": "when is the pump oiled", "k": 1}).json()["passages"][0]
    assert "200 hours" in best["text"]
    assert {"id", "source", "title", "text", "score", "start", "end", "page", "metadata"} == best.keys()
    body = {"messages": [{"role": "user", "content": "When is the pump oiled?"}]}
    answer = filled.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]
    assert "200 hours" in answer["content"]
    assert answer["annotations"][0]["file_citation"]["source"] == best["source"]


def test_a_file_sent_again_replaces_its_earlier_version(filled: TestClient) -> None:
    upload(filled, ("pump.md", PUMP))

    report = upload(filled, ("pump.md", PUMP.replace(b"200", b"300"))).json()

    assert (0, 1) == (report["added"], report["updated"])
    texts = [p["text"] for p in filled.post("/v1/knowledge/search", json={"query": "pump oiled"}).json()["passages"]]
    assert any("300" in text for text in texts)
    assert not any("200" in text for text in texts)


def test_metadata_comes_back_with_passages_and_filters_them(filled: TestClient) -> None:
    upload(filled, ("pump.md", PUMP), metadata='{"area": "hall"}')
    upload(filled, ("pump2.md", PUMP))

    found = filled.post("/v1/knowledge/search", json={"query": "pump", "filter": {"area": "hall"}}).json()["passages"]

    assert ["pump.md"] == [Path(passage["source"]).name for passage in found]
    assert "hall" == found[0]["metadata"]["area"]


def test_what_cannot_be_read_is_refused_with_its_reason_and_leaves_nothing(
    filled: TestClient, settings: Settings
) -> None:
    response = upload(filled, ("broken.pdf", b"%PDF-1.7 broken"))

    assert (422, "unreadable_document") == (response.status_code, response.json()["error"]["code"])
    assert "broken.pdf" in response.json()["error"]["message"]
    assert str(settings.data_dir) not in response.json()["error"]["message"]
    assert [] == list((settings.data_dir / "uploads").iterdir())


def test_a_refused_file_does_not_stop_the_others(filled: TestClient) -> None:
    response = upload(filled, ("broken.pdf", b"%PDF-1.7 broken"), ("pump.md", PUMP))

    assert (200, 1, 1) == (response.status_code, response.json()["added"], len(response.json()["refused"]))
    assert ["pump.md"] == titles(filled)


def test_a_refused_new_version_leaves_the_earlier_one_in_place(filled: TestClient, settings: Settings) -> None:
    upload(filled, ("pump.txt", PUMP))

    assert 422 == upload(filled, ("pump.txt", b"\0\1\2" * 100)).status_code

    assert PUMP == (settings.data_dir / "uploads" / "pump.txt").read_bytes()
    assert "200 hours" in filled.post("/v1/knowledge/search", json={"query": "pump"}).json()["passages"][0]["text"]


@pytest.mark.parametrize("name", ["../../etc/pump.md", "..\\..\\pump.md", "/etc/pump.md", "C:\\pump.md", ".pump.md"])
def test_a_file_name_cannot_leave_its_folder(filled: TestClient, settings: Settings, name: str) -> None:
    response = upload(filled, (name, PUMP))

    assert 200 == response.status_code, response.text
    uploads = settings.data_dir.absolute() / "uploads"
    assert [uploads / "pump.md"] == list(uploads.iterdir())


def test_names_in_any_script_are_kept(filled: TestClient) -> None:
    upload(filled, ("手册.md", PUMP), ("Prüfung 2.md", PLANT))
    assert ["Prüfung 2.md", "手册.md"] == titles(filled)


@pytest.mark.parametrize("name", ["..", "///", "...", "\\", "<>"])
def test_a_name_of_which_nothing_is_left_is_refused(filled: TestClient, name: str) -> None:
    assert 400 == upload(filled, (name, PUMP)).status_code


def test_two_files_of_one_name_are_refused(filled: TestClient) -> None:
    assert 400 == upload(filled, ("a/pump.md", PUMP), ("b/pump.md", PLANT)).status_code


def test_a_form_without_a_file_is_refused(filled: TestClient) -> None:
    boundary = {"Content-Type": "multipart/form-data; boundary=b"}
    form = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n'
    assert 400 == filled.post(URL, content=form, headers=boundary).status_code


def test_a_text_is_added_under_its_own_name(filled: TestClient) -> None:
    body = {"text": PUMP.decode(), "title": "Oil", "source": "wiki:pump", "metadata": {"area": "hall"}}

    report = filled.post(URL, json=body)

    assert 200 == report.status_code, report.text
    assert [("wiki:pump", "Oil")] == [(d["source"], d["title"]) for d in report.json()["documents"]]


def test_a_text_without_a_name_is_named_by_its_content(filled: TestClient) -> None:
    first = filled.post(URL, json={"text": PUMP.decode()}).json()
    again = filled.post(URL, json={"text": PUMP.decode()}).json()

    assert first["documents"] == again["documents"]
    assert (1, 1) == (first["added"], again["unchanged"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "a", "url": "https://example.org"},
        {"text": ""},
        {"url": "/etc/passwd"},
        {"url": "file:///etc/passwd"},
        {"path": "/etc/passwd"},
        {"text": "a", "metadata": {"x": {"nested": 1}}},
        {"text": "a", "metadata": {"source": "/etc/passwd"}},
        {"text": "a", "metadata": {"$and": 1}},
        {"text": "a", "metadata": {"note": "x" * 20_000}},
        {"text": "a", "source": "x" * 2001},
        {"text": "a", "title": "x" * 2001},
        ["/etc/passwd"],
    ],
)
def test_paths_and_nonsense_are_refused(filled: TestClient, body: Any) -> None:
    response = filled.post(URL, json=body)
    assert (400, "invalid_request_error") == (response.status_code, response.json()["error"]["type"])


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe"])
def test_a_document_that_is_not_json_is_refused(filled: TestClient, body: bytes) -> None:
    response = filled.post(URL, content=body, headers={"Content-Type": "application/json"})

    assert 400 == response.status_code
    assert "not valid JSON" in response.json()["error"]["message"]


def test_a_url_into_this_network_is_refused(filled: TestClient) -> None:
    response = filled.post(URL, json={"url": "http://127.0.0.1:9/secret"})
    assert (422, "unreadable_document") == (response.status_code, response.json()["error"]["code"])


def test_documents_are_listed_a_page_at_a_time(filled: TestClient) -> None:
    upload(filled, *((f"{number}.md", PUMP + str(number).encode()) for number in range(5)))

    first = filled.get(URL, params={"limit": 2}).json()
    rest = filled.get(URL, params={"limit": 10, "offset": 2}).json()

    assert (2, 3, 5) == (len(first["documents"]), len(rest["documents"]), first["total"])
    assert 5 == len({document["id"] for document in first["documents"] + rest["documents"]})
    assert 400 == filled.get(URL, params={"limit": 0}).status_code


@pytest.mark.parametrize("by", ["id", "source"])
def test_a_document_is_removed_by_id_or_source_with_its_file(filled: TestClient, settings: Settings, by: str) -> None:
    [document] = upload(filled, ("pump.md", PUMP)).json()["documents"]

    gone = filled.delete(f"{URL}/{quote(document[by], safe='')}")

    assert {"id": document["id"], "source": document["source"], "deleted": True} == gone.json()
    assert ([], []) == (titles(filled), list((settings.data_dir / "uploads").iterdir()))
    assert 404 == filled.delete(f"{URL}/{quote(document[by], safe='')}").status_code


def test_removing_a_document_does_not_touch_a_file_of_the_user(
    filled: TestClient, knowledge: Knowledge, tmp_path: Path
) -> None:
    own = tmp_path / "own.md"
    own.write_bytes(PUMP)
    knowledge.add([own])

    assert 200 == filled.delete(f"{URL}/{quote(own.as_posix(), safe='')}").status_code
    assert own.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": "  "},
        {"query": "x" * 9000},
        {"query": "a", "k": 0},
        {"query": "a", "filter": {"a": {"$no": 1}}},
        {"query": "a", "filter": {"$no": 1}},
        {"query": "a", "filter": {"#document": "x"}},
        {"query": "a", "filter": {"a": {"$in": [None]}}},
        {"query": "a", "filter": {"a": {"$in": list(range(50_000))}}},
    ],
)
def test_an_invalid_search_is_refused_with_the_place_that_is_wrong(filled: TestClient, body: Any) -> None:
    response = filled.post("/v1/knowledge/search", json=body)

    assert (400, "query" if len(body) < 2 else list(body)[1]) == (
        response.status_code,
        response.json()["error"]["param"],
    )


def test_a_retriever_alone_has_nothing_to_manage(client: TestClient) -> None:
    for response in (client.get(URL), client.post("/v1/knowledge/search", json={"query": "a"})):
        assert (404, "no_knowledge") == (response.status_code, response.json()["error"]["code"])


@pytest.mark.parametrize("metadata", ["[" * 100_000, "[]", "{", '{"note": "' + "x" * 20_000 + '"}'])
def test_metadata_of_a_form_must_be_a_small_object(filled: TestClient, metadata: str) -> None:
    response = upload(filled, ("pump.md", PUMP), metadata=metadata)

    assert (400, "metadata") == (response.status_code, response.json()["error"]["param"])


def test_the_case_of_a_content_type_does_not_matter(filled: TestClient) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\n' + PUMP + b"\r\n--x--\r\n"
    assert (
        200 == filled.post(URL, content=body, headers={"Content-Type": "Multipart/Form-Data; boundary=x"}).status_code
    )


def test_a_source_that_names_a_folder_is_removed_like_any_other(filled: TestClient, settings: Settings) -> None:
    source = f"{(settings.data_dir / 'uploads').absolute()}/.."
    upload(filled, ("pump.md", PUMP))
    filled.post(URL, json={"text": "A note.", "source": source})

    assert 200 == filled.delete(f"{URL}/{quote(source, safe='')}").status_code


KEY = {"Authorization": "Bearer secret"}
SEARCH = "/v1/knowledge/search"


@pytest.fixture
def keyed(open_app: Open, knowledge: Knowledge) -> TestClient:
    client = open_app(knowledge=knowledge, api_keys=["secret"])
    client.headers.update(KEY)
    return client


def found(client: TestClient, query: str, **body: Any) -> set[str]:
    passages = client.post(SEARCH, json={"query": query, **body}).json()["passages"]
    return {Path(passage["source"]).name for passage in passages}


def test_with_a_key_documents_are_added_for_some_and_found_by_them_only(keyed: TestClient) -> None:
    files = [("file", ("pump.md", PUMP))]
    sent = keyed.post(URL, files=files, data={"access": ["tenant:a", "user:7"]})
    keyed.post(URL, json={"text": PLANT.decode(), "source": "plant", "access": ["tenant:b"]})

    assert [["tenant:a", "user:7"]] == [document["access"] for document in sent.json()["documents"]]
    assert set() == found(keyed, "pump") == found(keyed, "pump", access=["tenant:c"])
    assert {"pump.md"} == found(keyed, "pump", access=["user:7"]) == found(keyed, "pump", access=["x", "tenant:a"])
    assert {"pump.md", "plant"} == found(keyed, "pump fern", access=["tenant:a", "tenant:b"])
    assert {"tenant:a,user:7", "tenant:b"} == {",".join(d["access"]) for d in keyed.get(URL).json()["documents"]}


def test_a_document_that_is_sent_again_moves_to_whom_it_is_sent_for_and_else_stays(keyed: TestClient) -> None:
    def send(**body: Any) -> None:
        assert 200 == keyed.post(URL, json={"text": PUMP.decode(), "source": "pump", **body}).status_code

    send(access=["tenant:a"])
    send(access=["tenant:b"])
    assert (set(), {"pump"}) == (found(keyed, "pump", access=["tenant:a"]), found(keyed, "pump", access=["tenant:b"]))
    send(title="Another title")
    assert (set(), {"pump"}) == (found(keyed, "pump"), found(keyed, "pump", access=["tenant:b"]))


@pytest.mark.parametrize("trusted", [False, True])
def test_without_keys_nobody_names_labels(open_app: Open, knowledge: Knowledge, trusted: bool) -> None:
    knowledge.add(Document("The pump of a tenant.", metadata={"source": "pump"}), access=["tenant:a"])
    client = open_app(knowledge=knowledge, trusted_network=trusted)

    for response in (
        client.post(SEARCH, json={"query": "pump", "access": ["tenant:a"]}, headers=KEY),
        client.post(URL, json={"text": "A note.", "access": ["tenant:a"]}),
        client.post(URL, json={"text": "A note.", "access": []}),
        upload(client, ("note.md", b"A note."), access="tenant:a"),
    ):
        problem = response.json()["error"]
        assert (403, "access_needs_api_key", "access") == (response.status_code, problem["code"], problem["param"])
        assert "server.api_keys" in problem["message"]
    assert set() == found(client, "pump")
    assert ["pump"] == titles(client)


@pytest.mark.parametrize(
    "access", ["tenant:a", [7], [""], ["a\n"], ["x" * 201], {"tenant": "a"}, [str(n) for n in range(1001)]]
)
def test_wrong_labels_are_refused_by_their_place(keyed: TestClient, access: Any) -> None:
    for response in (
        keyed.post(SEARCH, json={"query": "pump", "access": access}),
        keyed.post(URL, json={"text": "A note.", "access": access}),
    ):
        assert 400 == response.status_code
        assert response.json()["error"]["param"].startswith("access")
    assert [] == titles(keyed)


@pytest.mark.parametrize(
    "body", [{"json": {"text": "A note.", "access": []}}, {"files": [("file", ("a.md", PUMP))], "data": {"access": ""}}]
)
def test_an_empty_list_publishes_nothing(keyed: TestClient, body: dict[str, Any]) -> None:
    assert 400 == keyed.post(URL, **body).status_code
    assert [] == titles(keyed)


def test_a_search_explains_its_scores_when_asked_to(filled: TestClient) -> None:
    upload(filled, ("pump.md", PUMP))

    [plain] = filled.post(SEARCH, json={"query": "pump oiled", "k": 1}).json()["passages"]
    [explained] = filled.post(SEARCH, json={"query": "pump oiled", "k": 1, "explain": True}).json()["passages"]
    assert ("explanation" in plain, plain["score"]) == (False, explained["score"])
    assert explained["explanation"]
