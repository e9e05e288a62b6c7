"""The outbox: everything that was done arrives once, in its order, whatever comes between."""

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from ..conftest import Complaints
from .conftest import SITE, Run, Site, run_in

IMAGE = {"image_id": 4, "url": "/images/4.png", "prediction": None, "confidence": None}
OPEN = """
const { Api } = await import("/api.js");
const { Connection } = await import("/connection.js");
const { Outbox } = await import("/outbox.js");
const { Store } = await import("/store.js");
const connection = new Connection();
const entries = new Store("outbox:");
const receipts = new Store("receipts:");
const outbox = new Outbox({ entries, receipts, lockName: "sending", connection, api: new Api("digits", "ada") });
const told = [];
for (const type of ["sent", "refused", "added", "withdrawn"]) outbox.on(type, (detail) => told.push([type, detail]));
const label = (imageId, value) => outbox.add({ kind: "label", imageId, value });
const sent = () => new Promise((resolve) => {
  outbox.on("change", () => outbox.isEmpty && resolve());
  outbox.drain();
});
"""
HOLD = """globalThis.release = await new Promise((held) => {
  navigator.locks.request("sending", () => new Promise((release) => held(release)));
});"""


class Server:
    """Gives each act the next event; refuses, or fails for a while, where a test says so."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.refused_images: set[int] = set()
        self.n_failures = 0
        self._events: dict[str, int] = {}
        site.answer = self.answer

    @property
    def kinds(self) -> list[str]:
        """What was asked, oldest first."""
        return [kind for kind, _ in self.site.requests]

    @property
    def keys(self) -> list[str]:
        """The key of each request."""
        return [(body.get("labels") or [body])[0]["key"] for _, body in self.site.requests]

    def answer(self, route: Route, kind: str, body: Any) -> None:
        """Answer one request."""
        act = (body.get("labels") or [body])[0]
        if self.n_failures > 0:
            self.n_failures -= 1
            route.fulfill(status=503, json={"code": "DatabaseUnavailable", "detail": "The database is away."})
        elif act.get("image_id") in self.refused_images:
            route.fulfill(status=409, json={"code": "AlreadyLabeled", "detail": "It has a label."})
        else:
            event = {"event_id": self._events.setdefault(act["key"], 101 + len(self._events))}
            route.fulfill(
                json={"labels": {"events": [event]}, "undo": {"event": event, "image": IMAGE}}.get(kind, event)
            )


@pytest.fixture
def server(site: Site) -> Server:
    """What stands for the API."""
    return Server(site)


def test_acts_arrive_in_the_order_in_which_they_were_done(run: Run, server: Server) -> None:
    acts = 'outbox.add({ kind: "skip", imageId: 2 }); outbox.add({ kind: "flag", imageId: 3, remark: "odd" });'

    told, size = run(f"{OPEN} label(1, 7); {acts} await sent(); return [told, outbox.size];")

    assert server.kinds == ["labels", "skips", "flags"]
    assert [body["annotator"] for _, body in server.site.requests] == ["ada"] * 3
    assert server.site.requests[0][1]["labels"][0]["value"] == 7
    assert [(name, receipt["entry"]["imageId"], receipt["eventId"]) for name, receipt in told] == [
        *(("sent", 1, 101), ("sent", 2, 102), ("sent", 3, 103))
    ]
    assert size == 0


def test_the_order_holds_where_the_clock_was_set_back(run: Run, server: Server) -> None:
    back = "const now = Date.now(); Date.now = () => now - 3_600_000;"

    run(f"{OPEN} label(1, 7); {back} label(2, 8); label(3, 9); await sent();")

    assert [body["labels"][0]["image_id"] for _, body in server.site.requests] == [1, 2, 3]


def test_a_refused_act_is_told_with_its_reason_and_the_next_one_is_sent(
    run: Run, server: Server, complaints: Complaints
) -> None:
    complaints.may_requests_fail = True
    server.refused_images = {1}

    told = run(f"{OPEN} label(1, 7); label(2, 8); await sent(); return told;")

    assert [name for name, _ in told] == ["refused", "sent"]
    assert told[0][1]["error"] == {"code": "AlreadyLabeled", "message": "It has a label."}


def test_what_fails_for_a_passing_reason_is_sent_again_under_the_same_key(
    run: Run, server: Server, complaints: Complaints
) -> None:
    complaints.may_requests_fail = True
    server.n_failures = 2
    retry = 'connection.on("change", () => connection.trouble && setTimeout(() => connection.wake()));'

    told = run(f"{OPEN} {retry} label(1, 7); await sent(); return told;")

    assert [name for name, _ in told] == ["sent"]
    assert server.keys == [told[0][1]["entry"]["key"]] * 3


def test_an_entry_outlives_the_page_and_is_sent_by_the_next_one(page: Page, run: Run, site: Site) -> None:
    site.answer = lambda _route, _path, _body: None  # the server is silent
    with page.expect_request("**/labels"):
        run(f"{OPEN} label(1, 7);")
    page.reload()
    server = Server(site)

    told = run(f"{OPEN} await sent(); return told;")

    assert [name for name, _ in told] == ["sent"]
    assert len(server.keys) == 2
    assert len(set(server.keys)) == 1


def test_a_change_and_an_undo_name_the_event_that_their_answer_has_become(run: Run, server: Server) -> None:
    change = 'const other = outbox.add({ kind: "change", imageId: 1, value: 8, of, eventId: null });'
    undo = 'outbox.add({ kind: "undo", imageId: 1, of: other, eventId: null });'

    told = run(f"{OPEN} const of = label(1, 7); {change} {undo} await sent(); return told;")

    assert [(kind, body.get("event_id")) for kind, body in server.site.requests] == [
        *(("labels", None), ("changes", 101), ("undo", 102))
    ]
    assert told[2][1]["image"] == IMAGE


def test_an_event_that_is_known_goes_before_what_a_receipt_says(run: Run, server: Server) -> None:
    run(f'{OPEN} outbox.add({{ kind: "undo", imageId: 1, of: "gone", eventId: 55 }}); await sent();')

    assert server.site.requests[0][1]["event_id"] == 55


def test_what_builds_on_a_refused_answer_is_not_sent(run: Run, server: Server, complaints: Complaints) -> None:
    complaints.may_requests_fail = True
    server.refused_images = {1}
    acts = """outbox.add({ kind: "change", imageId: 1, value: 8, of, eventId: null });
      outbox.add({ kind: "undo", imageId: 1, of, eventId: null });"""

    told = run(f"{OPEN} const of = label(1, 7); {acts} await sent(); return told;")

    assert (server.kinds, [name for name, _ in told]) == (["labels"], ["refused"])


def test_an_undo_of_nothing_that_is_named_takes_back_the_last_act_of_the_server(run: Run, server: Server) -> None:
    run(f'{OPEN} outbox.add({{ kind: "undo", imageId: null, of: null, eventId: null }}); await sent();')

    assert [(kind, body["event_id"]) for kind, body in server.site.requests] == [("undo", None)]


def test_an_answer_that_was_never_sent_can_be_replaced_and_taken_out_and_one_under_way_cannot(
    page: Page, run: Run, site: Site
) -> None:
    held: list[tuple[Route, str, Any]] = []
    site.answer = lambda *request: held.append(request)
    with page.expect_request("**/labels"):
        run(f"{OPEN} Object.assign(globalThis, {{ outbox, sent, keys: [label(1, 7), label(2, 8), label(3, 9)] }});")

    assert run("return keys.map((key) => outbox.replaceUnsent(key, 5));") == [False, True, True]
    assert run("return [keys[0], keys[2], 'unknown'].map((key) => outbox.removeUnsent(key));") == [False, True, False]
    answered = Server(site)
    answered.answer(*held[0])
    run("await sent();")

    assert [(body["labels"][0]["image_id"], body["labels"][0]["value"]) for _, body in site.requests] == [
        (1, 7),
        (2, 5),
    ]


def test_the_outbox_is_not_empty_before_the_listeners_know(run: Run, server: Server) -> None:
    listen = 'const seen = []; outbox.on("sent", () => seen.push([outbox.size, outbox.isEmpty]));'

    seen, is_empty = run(f"{OPEN} {listen} label(1, 7); await sent(); return [seen, outbox.isEmpty];")

    assert server.kinds == ["labels"]
    assert (seen, is_empty) == ([[0, False]], True)


def test_the_images_of_what_waits_are_known_and_an_undo_without_one_counts_for_none(run: Run, site: Site) -> None:
    site.answer = lambda _route, _path, _body: None

    waiting = 'label(4, 7); outbox.add({ kind: "undo", imageId: null, of: null, eventId: null });'

    assert run(f"{OPEN} {waiting} return [[...outbox.imageIds], outbox.size, outbox.isLasting];") == [[4], 2, True]


def test_an_entry_of_a_version_that_this_page_does_not_know_is_refused(run: Run, server: Server) -> None:
    told = run(f'{OPEN} outbox.add({{ kind: "draw", imageId: 1 }}); await sent(); return told;')

    assert server.kinds == []
    assert told[0][1]["error"]["message"] == "This page does not know how to send “draw”."


def test_an_entry_that_cannot_be_read_does_not_stop_the_others(run: Run, server: Server) -> None:
    run(f"{OPEN} localStorage.setItem('outbox:000000000000000-000000-x', '{{'); label(1, 7); await sent();")

    assert server.kinds == ["labels"]


def test_receipts_are_forgotten_oldest_first_beyond_two_hundred(run: Run, server: Server) -> None:
    old = "for (let at = 1; at <= 200; at += 1) receipts.set(`old-${at}`, { eventId: at, at });"
    found = "['old-1', 'old-100', 'old-101', 'old-200'].map((key) => outbox.findEventId(key))"

    assert run(f"{OPEN} {old} return {found};") == [1, 100, 101, 200]
    assert run(f"{OPEN} label(1, 7); await sent(); return {found};") == [None, None, 101, 200]
    assert server.kinds == ["labels"]


def test_another_page_is_told_what_is_new_what_is_changed_what_is_taken_out_and_what_was_sent(
    context: BrowserContext, run: Run, server: Server
) -> None:
    other = context.new_page()
    other.goto(SITE)
    run_in(other, f"{OPEN} globalThis.told = told;")
    run_in(other, HOLD)
    run(f"{OPEN} Object.assign(globalThis, {{ outbox, label, sent }});")

    run("globalThis.keys = [label(1, 7), label(2, 8)]; outbox.replaceUnsent(keys[0], 9); outbox.removeUnsent(keys[1]);")
    other.wait_for_function("told.length >= 4")
    other.evaluate("release()")
    run("await sent();")
    other.wait_for_function("told.length >= 5")

    told = other.evaluate(
        "told.map(([name, { entry, imageId, value }]) => [name, entry?.imageId ?? imageId, value ?? null])"
    )
    assert told == [["added", 1, 7], ["added", 2, 8], ["added", 1, 9], ["withdrawn", 2, 8], ["sent", 1, None]]
    assert server.kinds == ["labels"]
