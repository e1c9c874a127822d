"""What people do on the four surfaces: each deed changes what the account may do, and is told by a webhook."""

from __future__ import annotations

import hashlib
from typing import Any

from accounts import APP_SECRET, INBOX_APP_ID, INSTAGRAM_ID, PAGE_ID, PHONE_NUMBER
from graph_events import cloud, commented, echo, messaging, phone_of, whatsapp_message, whatsapp_status
from graph_webhooks import Webhooks
from graph_world import Comment, Media, Person, Shown, Surface, World


class People(World):
    """A `World` whose people act.

    Attributes:
        webhooks: where what happens is told.
        reports: whether the application is told what became of its messages (statuses, deliveries, echoes).
    """

    def __init__(self, *, app_secret: str = APP_SECRET, retry_seconds: float = 0.05) -> None:
        super().__init__()
        self.webhooks = Webhooks(app_secret, retry_seconds=retry_seconds)
        self.reports = True

    def says(self, person: Person, text: str) -> str:
        """Write a text; its id."""
        if person.surface == "whatsapp":
            return self._writes(person, text, {"type": "text", "text": {"body": text}})
        return self._writes(person, text, {"text": text})

    def taps(self, person: Person, label: str) -> str:
        """Press the newest button with this label; the id of that."""
        shown = next(each for each in reversed(person.seen) if label in each.buttons)
        data = _data(shown, label)
        if person.surface == "whatsapp":
            kind = "list_reply" if shown.body["interactive"]["type"] == "list" else "button_reply"
            tap = {"type": kind, kind: {"id": data, "title": label}}
            context = {"from": PHONE_NUMBER, "id": shown.id}
            return self._writes(person, label, {"type": "interactive", "interactive": tap, "context": context})
        if shown.body["message"].get("quick_replies"):
            return self._writes(person, label, {"text": label, "quick_reply": {"payload": data}})
        id = self._act(person)
        self.webhooks.put(messaging(person, self.now(), {"postback": {"mid": id, "title": label, "payload": data}}))
        return id

    def sends_file(self, person: Person, media: Media, *, caption: str = "", url: str = "") -> str:
        """Send a file; `url` is where the Page and Instagram say it is."""
        kind = media.mime_type.partition("/")[0]
        if person.surface == "whatsapp":
            kind = kind if kind in ("image", "audio", "video") else "document"
            digest = hashlib.sha256(media.data).hexdigest()
            told = {"id": media.id, "mime_type": media.mime_type, "sha256": digest}
            told |= ({"filename": media.name} if kind == "document" else {}) | ({"caption": caption} if caption else {})
            return self._writes(person, caption, {"type": kind, kind: told})
        kind = kind if kind in ("image", "audio", "video") else "file"
        return self._writes(person, caption, {"attachments": [{"type": kind, "payload": {"url": url}}]})

    def reacts(self, person: Person, shown: Shown, emoji: str | None) -> None:
        """Put an emoji at a message of the account, or take it back."""
        id = self._act(person)
        if person.surface == "whatsapp":
            reaction = {"message_id": shown.id, **({"emoji": emoji} if emoji else {})}
            event = whatsapp_message(person, id, self.now(), {"type": "reaction", "reaction": reaction})
        else:
            told = {"mid": shown.id, "action": "react" if emoji else "unreact", **({"emoji": emoji} if emoji else {})}
            event = messaging(person, self.now(), {"reaction": told})
        self.webhooks.put(event)

    def reads(self, person: Person) -> None:
        """Look at all that came."""
        for shown in person.seen:
            if person.surface == "whatsapp":
                self.webhooks.put(whatsapp_status(person, shown, "read", self.now()))
        if person.seen and person.surface == "messenger":
            self.webhooks.put(messaging(person, self.now(), {"read": {"watermark": int(self.now() * 1000)}}))
        if person.seen and person.surface == "instagram":
            self.webhooks.put(messaging(person, self.now(), {"read": {"mid": person.seen[-1].id}}))

    def changes_number(self, person: Person, phone: str) -> None:
        """Take another telephone number; WhatsApp tells so by a system message."""
        old = phone_of(person)
        system = {
            "body": f"User {person.name} changed from {old} to {phone}",
            "wa_id": phone,
            "type": "user_changed_number",
        }
        content = {"from": old, "id": self.message_id("whatsapp"), "timestamp": str(int(self.now())), "type": "system",
                   "system": system}  # fmt: skip
        if old:
            person.ids.remove(old)
            del self.people["whatsapp", old]
        self.person("whatsapp", *person.ids, phone) if person.ids else self._rename(person, phone)
        self.webhooks.put(cloud("messages", {"messages": [content]}, f"whatsapp:{person.ids[0]}"))

    def answered_by_hand(self, person: Person, text: str, *, app_id: str | None = INBOX_APP_ID) -> Shown:
        """Somebody of the business writes to the person, in the Page's inbox or on the phone with the number."""
        shown = Shown(self.message_id(person.surface), text, at=self.now())
        person.seen.append(shown)
        if person.surface == "whatsapp":
            told = {"from": PHONE_NUMBER, "to": phone_of(person) or "", "id": shown.id, "type": "text",
                    "timestamp": str(int(self.now())), "text": {"body": text}}  # fmt: skip
            self.webhooks.put(cloud("smb_message_echoes", {"message_echoes": [told]}, f"whatsapp:{person.ids[0]}"))
        else:
            self.webhooks.put(echo(person, shown, self.now(), app_id=app_id))
        return shown

    def comments_on(self, post: str, text: str, *, author: str, surface: Any = "messenger", parent: str | None = None,
                    name: str = "Ann") -> Comment:  # fmt: skip
        """Comment in public; its author can be written to in private, once."""
        id = (
            f"{post.partition('_')[2] or post}_{self.number()}"
            if surface == "messenger"
            else f"178{self.number():014d}"
        )
        made = Comment(id, surface, author, text, self.now(), post, parent)
        self.comments[id] = made
        if author not in (PAGE_ID, INSTAGRAM_ID):
            self.person(surface, author, name=name)
        self.webhooks.put(commented(made, name))
        return made

    def _rename(self, person: Person, phone: str) -> None:
        person.ids.append(phone)
        self.people["whatsapp", phone] = person

    def _act(self, person: Person) -> str:
        """Whatever a person does opens the window; the id of what was done."""
        self.opened(person)
        id = self.message_id(person.surface)
        person.wrote[id] = ""
        return id

    def _writes(self, person: Person, text: str, content: dict[str, Any]) -> str:
        id = self._act(person)
        person.wrote[id] = text
        if person.surface == "whatsapp":
            self.webhooks.put(whatsapp_message(person, id, self.now(), content))
        else:
            self.webhooks.put(messaging(person, self.now(), {"message": {"mid": id, **content}}))
        return id


def buttons_of(body: dict[str, Any], surface: Surface) -> list[tuple[str, str]]:
    """Label and data of each button of a message, in order."""
    if surface == "whatsapp":
        action = body.get("interactive", {}).get("action", {})
        rows = [row for section in action.get("sections", ()) for row in section["rows"]]
        link = [(action["parameters"]["display_text"], "")] if action.get("name") == "cta_url" else []
        replies = [(each["reply"]["title"], each["reply"]["id"]) for each in action.get("buttons", ())]
        return [*replies, *((row["title"], row["id"]) for row in rows), *link]
    message = body["message"]
    payload = message.get("attachment", {}).get("payload", {})
    cards = [button for card in payload.get("elements", ()) for button in card.get("buttons", ())]
    under = [*payload.get("buttons", ()), *cards, *message.get("quick_replies", ())]
    return [(each["title"], each.get("payload", "")) for each in under]


def _data(shown: Shown, label: str) -> str:
    surface: Surface = "messenger" if "message" in shown.body else "whatsapp"
    return next(data for told, data in buttons_of(shown.body, surface) if told == label)
