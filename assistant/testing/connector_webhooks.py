"""The part of the contract suite that proves `verify`, `parse` and `handshake`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.connector import Connector, Handshaking
from assistant.errors import ConfigurationError, InvalidWebhook
from assistant.testing.connector_subject import SAID, ConnectorSubject, demand, fail
from assistant.testing.hostile_json import HOSTILE_BODIES, hostile_bodies, with_unknown_fields
from assistant.testing.offline import offline
from assistant.testing.platform import Platform
from assistant.types import Incoming, Webhook

ANOTHER_SECRET = "a secret of somebody else"  # noqa: S105 - of nobody

MANY = settings(
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow],
)
"""The tests are inherited, and what they get of the fixtures is not changed by them."""


class WebhookContract(ConnectorSubject):
    """A request is proven before it is read, and read without a side effect."""

    def test_the_suite_is_given_what_it_needs(self, platform: Platform) -> None:
        kinds = [payload.kinds for payload in self.payloads]
        demand(any(kind in SAID for each in kinds for kind in each), "give `payloads` with a text or a comment")
        demand(() in kinds, "give `payloads` one of a kind that the connector does not know: Payload(body, ())")
        demand(self.webhook_secret in self.secrets, "name the key of the webhook's secret in `webhook_secret`")
        for key, value in self.secrets.items():
            demand(len(value) >= 8, f"give {key!r} at least 8 characters: shorter ones are found in any text")

    def test_a_genuine_webhook_is_verified(self, platform: Platform) -> None:
        connector = self.connector(platform)
        for payload in self.payloads:
            with offline():
                connector.verify(self.genuine(payload.body))

    def test_a_webhook_without_its_proof_is_refused(self, platform: Platform) -> None:
        connector = self.connector(platform)
        for payload in self.payloads:
            webhook = self.genuine(payload.body)
            for change in ("", "{}x", "é", "{} {}", "\x00"):
                headers = {name: change.format(value, value) for name, value in webhook.headers.items()}
                self.refuses(connector, replace(webhook, headers=headers), f"with its headers changed to {change!r}")
            self.refuses(connector, replace(webhook, headers={}), "without headers")

    def test_a_webhook_whose_body_was_changed_is_refused(self, platform: Platform) -> None:
        if not self.signs_body:
            return
        connector = self.connector(platform)
        for payload in self.payloads:
            webhook = self.genuine(payload.body)
            for body in (webhook.body + b" ", webhook.body[:-1], b"", webhook.body.replace(b"{", b"{ ", 1)):
                self.refuses(connector, replace(webhook, body=body), "whose body was changed: sign the raw bytes")

    def test_a_webhook_signed_with_another_secret_is_refused(self, platform: Platform) -> None:
        connector = self.connector(platform)
        for payload in self.payloads:
            self.refuses(connector, self.sign(payload.body, ANOTHER_SECRET), "signed with another secret")
            self.refuses(connector, self.sign(payload.body, ""), "signed with an empty secret")

    def test_without_a_secret_nothing_is_let_in(self, platform: Platform) -> None:
        try:
            connector = self.connector(platform, **{self.webhook_secret: ""})
        except ConfigurationError:
            return
        for payload in self.payloads:
            for secret in ("", self.secrets[self.webhook_secret]):
                webhook = self.sign(payload.body, secret)
                self.refuses(connector, webhook, f"while {self.webhook_secret!r} is empty: raise ConfigurationError")
                self.refuses(connector, replace(webhook, headers={}), f"while {self.webhook_secret!r} is empty")

    def test_verifying_does_not_read_the_body(self, platform: Platform) -> None:
        connector = self.connector(platform)
        for body in HOSTILE_BODIES:
            try:
                connector.verify(self.genuine(body))
            except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
                fail(f"verify fails with a proven body {body[:20]!r}: it may look at its bytes only", cause=error)

    def test_every_event_of_a_body_is_returned_and_kinds_that_are_not_known_are_left_out(
        self, platform: Platform
    ) -> None:
        connector = self.connector(platform)
        for payload in self.payloads:
            kinds = tuple(event.kind for event in connector.parse(self.genuine(payload.body)))
            remedy = "return every event of a batch, in order, and leave out what is not known"
            demand(kinds == payload.kinds, f"{payload.body[:300]!r} gave {kinds}, not {payload.kinds}: {remedy}")

    def test_parsing_is_pure(self, platform: Platform) -> None:
        first, second = self.connector(platform), self.connector(platform)
        for payload in self.payloads:
            webhook = self.genuine(payload.body)
            with offline():
                results = [list(each.parse(webhook)) for each in (first, first, second)]
            demand(
                results[0] == results[1] == results[2], "the same bytes must give the same events: no clock, no state"
            )

    def test_ids_are_those_of_one_event_each(self, platform: Platform) -> None:
        connector = self.connector(platform)
        ids = [(event.address.account, event.id) for event in self.events(connector)]
        doubled = sorted({each for each in ids if ids.count(each) > 1})
        demand(not doubled, f"ids {doubled} stand for several events: an id is unique within the account, and an edit, a tap or a reaction has another than its message")  # fmt: skip
        demand(all(id and account for account, id in ids), "an event has an id and an account")

    def test_addresses_are_of_this_connector(self, platform: Platform) -> None:
        connector = self.connector(platform)
        for event in self.events(connector):
            demand(event.address.connector == connector.name, f"{event.address} is not of {connector.name!r}")
            demand(event.address.account and event.address.chat, f"{event.address!r} has no account or no chat")
            demand(event.address.thread is None or event.address.thread, f"{event.address!r}: no thread is None")

    def test_what_an_event_holds_can_be_written_down(self, platform: Platform) -> None:
        for event in self.events(self.connector(platform)):
            try:
                json.dumps(dict(event.raw))
            except (TypeError, ValueError) as error:
                fail(f"event {event.id!r}: `raw` is not JSON", cause=error)

    def test_fields_of_a_later_version_change_nothing(self, platform: Platform) -> None:
        connector = self.connector(platform)
        for payload in self.payloads:
            if body := with_unknown_fields(payload.body):
                before, after = (self.parsed(connector, each) for each in (payload.body, body))
                demand(_plain(before) == _plain(after), "a field that is not known changes what is parsed: ignore it")

    def test_a_body_of_no_platform_is_refused_or_empty(self, platform: Platform) -> None:
        connector = self.connector(platform)
        for body in HOSTILE_BODIES:
            demand(not self.parsed(connector, body), f"{body[:20]!r} is no event")

    @MANY
    @given(data=st.data())
    def test_a_hostile_body_gives_events_or_is_refused(self, platform: Platform, data: Any) -> None:
        connector = self.connector(platform)
        body = data.draw(hostile_bodies([payload.body for payload in self.payloads]))
        for event in self.parsed(connector, body):
            demand(event.id and event.address.chat, f"{body!r} gives an event without an id or a chat: leave it out")
            try:
                json.dumps([event.id, str(event.address), event.sender, event.text], ensure_ascii=False).encode()
            except UnicodeEncodeError as error:
                fail(f"{body!r} gives half a surrogate pair, which cannot be stored: use read_json", cause=error)

    def test_a_handshake_answers_who_knows_the_secret_only(self, platform: Platform) -> None:
        connector = self.connector(platform)
        if not isinstance(connector, Handshaking):
            demand(self.handshake is None, "`handshake` is given, but the connector has no method `handshake`")
            return
        if self.handshake is None:
            fail("the connector is a Handshaking: give the query of a genuine GET and its answer in `handshake`")
        query, answer = self.handshake
        given = connector.handshake(Webhook(method="GET", query=query))
        demand(given == answer, f"the handshake was answered with {given!r}, not {answer!r}")
        for wrong in ({}, dict.fromkeys(query, ""), {key: f"{value}x" for key, value in query.items()}):
            with self.refused(InvalidWebhook, f"a handshake with the query {wrong!r} must be refused"):
                connector.handshake(Webhook(method="GET", query=wrong))

    def refuses(self, connector: Connector, webhook: Webhook, why: str) -> None:
        """Demand that a webhook is refused."""
        with self.refused(InvalidWebhook, f"verify must refuse a webhook {why}"):
            connector.verify(webhook)

    def parsed(self, connector: Connector, body: bytes) -> Sequence[Incoming]:
        """The events of a body, none where it is refused; any other error ends the test."""
        try:
            with offline():
                return connector.parse(self.genuine(body))
        except InvalidWebhook:
            return ()
        except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
            fail(f"parse raises {type(error).__name__} for {body[:300]!r}: InvalidWebhook only", cause=error)


def _plain(events: Sequence[Incoming]) -> list[Incoming]:
    return [replace(event, raw={}) for event in events]
