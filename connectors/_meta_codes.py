"""Error codes of Meta as data: what each means, what to do, and whether to try again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Sort = Literal["token", "permission", "rate", "transient", "unknown", "window", "rejected"]
"""How an error is treated. `unknown`: Meta answers with an error although the message may have been sent."""

MINUTE, HOUR = 60.0, 3600.0

RENEW = "make a new token, as the guide of this surface shows, and set it"
PERMISSION = "grant the permissions that the guide of this surface names, for this account, and make a new token"
LATER = "it is tried again"
LESS = "it is tried again later; send less, or ask Meta for a higher limit"
WINDOW = "wait until the person writes again"
TEMPLATE = f"{WINDOW}, or configure a template"
PERSON = "nothing helps until the person changes that"
REPORT = "report the body that was refused: the product should not have sent it"
VERSION = "set `graph_version` to a newer one, or leave it out"
SUPPORT = "see the account's state in Meta Business Suite, and ask Meta's support"


@dataclass(frozen=True, slots=True)
class Known:
    """An error of Meta.

    Attributes:
        sort: how it is treated.
        means: what it says of the call, in a few words.
        remedy: what to do.
        wait: seconds to wait where Meta does not say how long.
    """

    sort: Sort
    means: str
    remedy: str
    wait: float | None = None


KNOWN: Mapping[tuple[int | None, int | None], Known] = MappingProxyType(
    {
        # token
        (0, None): Known("token", "the token is not accepted", RENEW),
        (102, None): Known("token", "the token's session ended", RENEW),
        (190, None): Known("token", "the token expired, was revoked or is not one", RENEW),
        (190, 458): Known("token", "the app was removed by the person who made the token", RENEW),
        (190, 460): Known("token", "the token ended with a change of password", RENEW),
        (190, 463): Known("token", "the token expired", RENEW),
        (190, 464): Known("token", "the person who made the token has to confirm the account", RENEW),
        (190, 467): Known("token", "the token was revoked", RENEW),
        (190, 492): Known("token", "the person who made the token has no role on the Page any more", RENEW),
        # permission
        (3, None): Known("permission", "the app lacks the capability for this call", PERMISSION),
        (10, None): Known("permission", "a permission is missing or was taken back", PERMISSION),
        (10, 1893063): Known("rejected", "the Page is restricted from sending messages", SUPPORT),
        (10, 2018065): Known("window", "the 24 hours after the person's last message are over", WINDOW),
        (10, 2018278): Known("window", "the 24 hours after the person's last message are over", WINDOW),
        (10, 2534022): Known("window", "the 24 hours after the person's last message are over", WINDOW),
        (200, 1545041): Known("window", "the person cannot be written to now, mostly as the window is closed", WINDOW),
        (200, 2018021): Known("permission", "the app is not subscribed to the Page", "subscribe the app to the Page"),
        (200, 2018027): Known("permission", "pages_messaging is not granted for people without a role on the app", PERMISSION),
        (200, 2018028): Known("permission", "pages_messaging is not granted for people without a role on the app", PERMISSION),
        (131005, None): Known("permission", "a permission is missing or was taken back", PERMISSION),
        # the app's secret and version
        (12, None): Known("rejected", "this version of the API has ended", VERSION),
        (2635, None): Known("rejected", "this version of the API has ended", VERSION),
        (2500, None): Known("rejected", "the path or the version is none that Meta knows", "check `graph_version` and the ids"),
        # rates
        (4, None): Known("rate", "the app called too often", LESS),
        (4, 2018022): Known("rate", "too many messages to telephone numbers", LESS),
        (9, None): Known("rate", "too many actions in a short time", LESS),
        (17, None): Known("rate", "the account called too often", LESS),
        (32, None): Known("rate", "the Page was called too often", LESS),
        (341, None): Known("rate", "the app reached a limit of Meta's", LESS),
        (613, None): Known("rate", "too many calls of this kind", LESS),
        (80002, None): Known("rate", "the Instagram account was called too often", LESS),
        (80006, None): Known("rate", "too many messages of this Page or account", LESS),
        (80007, None): Known("rate", "the WhatsApp Business Account was called too often", LESS),
        (130429, None): Known("rate", "the number sends more per second than it may", LESS),
        (131048, None): Known("rate", "the number may send less, as people blocked or reported it",
                              "see its quality in WhatsApp Manager; it is tried again", HOUR),
        (131056, None): Known("rate", "too many messages to this person in a short time", LATER, 6.0),
        (131057, None): Known("transient", "the account is in maintenance for some minutes", LATER),
        (133016, None): Known("rate", "the number was registered too often", LESS, HOUR),
        # Meta's faults
        (-1, None): Known("transient", "Meta has a fault", LATER),
        (1, None): Known("transient", "Meta has a fault", LATER),
        (1, 99): Known("permission", "Meta does not know this call from this app", PERMISSION),
        (1, 1357046): Known("unknown", "Meta answers with a fault, and the message may have been sent", LATER),
        (2, None): Known("transient", "Meta has a fault", LATER),
        (2, 2018344): Known("rejected", "the Page has not accepted Meta's terms for this call", SUPPORT),
        (1200, None): Known("transient", "Meta could not send the message now", LATER),
        (131000, None): Known("transient", "Meta could not send the message", LATER),
        (131016, None): Known("transient", "a service of WhatsApp is out of order", LATER),
        (133004, None): Known("transient", "a service of WhatsApp is out of order", LATER),
        # windows of WhatsApp
        (470, None): Known("window", "the 24 hours after the person's last message are over", TEMPLATE),
        (131047, None): Known("window", "the 24 hours after the person's last message are over", TEMPLATE),
        # people
        (230, None): Known("permission", "pages_messaging is not granted", PERMISSION),
        (551, None): Known("rejected", "the person blocked the account, or is not there", PERSON),
        (100, 2018001): Known("rejected", "no such person", PERSON),
        (100, 2534014): Known("rejected", "no such person", PERSON),
        (130472, None): Known("rejected", "Meta left the person out for an experiment", PERSON),
        (130497, None): Known("rejected", "the account may not write to people in this country", SUPPORT),
        (131021, None): Known("rejected", "the message is to the number it is from", "write to another number"),
        (131026, None): Known("rejected", "the person cannot be reached: no WhatsApp, an old one, or blocked", PERSON),
        (131030, None): Known("rejected", "the number is not on the list of a test number",
                              "add it under API Setup in the app's dashboard, or send from a number of your own"),
        (131049, None): Known("rejected", "Meta did not deliver it, to protect the person from too many messages",
                              "wait some days before the next template"),
        (131050, None): Known("rejected", "the person does not want marketing messages", PERSON),
        (131062, None): Known("rejected", "this message needs a telephone number, not a business-scoped user id",
                              "send it to a person whose number is known"),
        # accounts
        (33, None): Known("rejected", "the telephone number was deleted, or is not visible to the token", "check the ids"),
        (100, 33): Known("rejected", "no such object, or it is not visible to the token", "check the ids and the permissions"),
        (368, None): Known("rejected", "the account is blocked for a time for a breach of policy", SUPPORT),
        (131031, None): Known("rejected", "the account is locked", SUPPORT),
        (131037, None): Known("rejected", "the number has no approved display name", "set one in WhatsApp Manager"),
        (131042, None): Known("rejected", "the account has no valid way to pay", "add one in Meta Business Suite"),
        (131045, None): Known("rejected", "the number is not registered", "register it: POST /<phone_number_id>/register"),
        (133010, None): Known("rejected", "the number is not registered", "register it: POST /<phone_number_id>/register"),
        (134011, None): Known("rejected", "the account has not accepted the terms of payments", SUPPORT),
        # messages
        (100, None): Known("rejected", "the call is not one that Meta knows", REPORT),
        (100, 2018109): Known("rejected", "the file is larger than Meta takes", "send a smaller one"),
        (10, 2018300): Known("rejected", "the thread is held by another application", "take control of it, or release it there"),
        (100, 2534001): Known("rejected", "the conversation was deleted", PERSON),
        (100, 2534013): Known("rejected", "Meta does not allow a private reply to this comment", "answer it in public"),
        (100, 2534025): Known("rejected", "the comment had its one private reply", "answer it in public"),
        (10900, None): Known("rejected", "the comment had its one private reply", "answer it in public"),
        (10902, None): Known("rejected", "Meta allows no private reply to this post or comment", "answer it in public"),
        (10903, None): Known("rejected", "the Page may not write to this person", "answer in public: it may be a Page itself"),
        (131008, None): Known("rejected", "a part of the message is missing", REPORT),
        (131009, None): Known("rejected", "a part of the message is not as Meta takes it", REPORT),
        (131051, None): Known("rejected", "WhatsApp has no messages of this kind", REPORT),
        (131052, None): Known("rejected", "the person's file could not be downloaded", "ask the person to send it again"),
        (131053, None): Known("rejected", "the file could not be uploaded", "send one of a format that WhatsApp takes"),
        (132000, None): Known("rejected", "the template has another number of values", "compare it in WhatsApp Manager"),
        (132001, None): Known("rejected", "no such template in this language, or it is not approved",
                              "check its name and language in WhatsApp Manager"),
        (132005, None): Known("rejected", "the template with its values is too long", "shorten the values"),
        (132007, None): Known("rejected", "the template is against WhatsApp's policy", "see WhatsApp Manager"),
        (132012, None): Known("rejected", "a value of the template has another form", "compare it in WhatsApp Manager"),
        (132015, None): Known("rejected", "the template is paused for its low quality", "improve it in WhatsApp Manager"),
        (132016, None): Known("rejected", "the template was paused too often and is disabled", "make another"),
        (135000, None): Known("rejected", "the message could not be sent for its parameters", REPORT),
        # subcodes that come with more than one code
        (None, 1545041): Known("window", "the person cannot be written to now, mostly as the window is closed", WINDOW),
        (None, 1545133): Known("transient", "Meta has a fault", LATER),
        (None, 1893063): Known("rejected", "the Page is restricted from sending messages", SUPPORT),
        (None, 2018001): Known("rejected", "no such person", PERSON),
        (None, 2018065): Known("window", "the 24 hours after the person's last message are over", WINDOW),
        (None, 2018278): Known("window", "the 24 hours after the person's last message are over", WINDOW),
        (None, 2534022): Known("window", "the 24 hours after the person's last message are over", WINDOW),
    }
)  # fmt: skip
"""By code and subcode; a subcode of None stands for all that are not named, a code of None for any.

developers.facebook.com/documentation/business-messaging/messenger-platform/error-codes, 2026-03-18;
…/whatsapp/support/error-codes, 2026-05-15; …/instagram-platform/instagram-graph-api/reference/error-codes, 2026-06-02;
…/messenger-platform/changelog (10/1893063), 2026-06-25. Meta's pages do not explain 10900, 10902 and 10903: its answers say
"Activity already replied to", "This is not a Replyable activity" and "This user cant reply to this activity". Of 1545041 Meta says only that the person is not available now: with
code 551 the person blocked the account, with any other it is what Instagram says of a closed window.
"""

PERMISSIONS = range(200, 300)
"""Codes that all mean a missing permission. developers.facebook.com/docs/graph-api/guides/error-handling, 2026-11."""


def known(code: int | None, subcode: int | None = None) -> Known | None:
    """What is known of an error, by code and subcode, by subcode, or by code; None: nothing."""
    if code is None and subcode is None:
        return None
    exact = [(code, subcode), (code, None)] if code == 551 else [(code, subcode), (None, subcode), (code, None)]
    for key in exact:
        if key != (None, None) and key in KNOWN:
            return KNOWN[key]
    if code in PERMISSIONS:
        return Known("permission", "a permission is missing or was taken back", PERMISSION)
    return None
