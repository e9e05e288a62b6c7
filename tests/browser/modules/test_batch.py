"""The batch: which image is current, what was done, and what undo takes back."""

from .conftest import Run

MAKE = """
const { Act, Batch, Tile } = await import("/batch.js");
const makeTile = (leased) => new Tile(leased, { complete: true, naturalWidth: 28 });
const tile = (id) => makeTile({ image_id: id, url: `/images/${id}.png`, prediction: null, confidence: null });
const batch = new Batch();
let keys = 0;
const act = (tile, value, kind = "label", eventId = null) => {
  keys += 1;
  const made = Object.assign(new Act(kind, tile, value, `key-${keys}`), { eventId });
  batch.add(made);
  return made;
};
const ids = () => batch.tiles.map(({ imageId }) => imageId);
const values = () => batch.tiles.map(({ value }) => value);
const current = () => batch.current?.imageId ?? null;
"""
THREE = f"{MAKE} const [a, b, c] = [1, 2, 3].map(tile); batch.replace([a, b, c]);"


def test_an_empty_batch_is_done_and_has_no_image(run: Run) -> None:
    empty = "batch.move(1); batch.advance();"

    assert run(f"{MAKE} {empty} return [batch.isDone, current(), batch.lastAct, batch.open.length];") == [
        *(True, None, None, 0)
    ]


def test_after_an_answer_the_next_open_image_is_current_round_the_end(run: Run) -> None:
    steps = "const seen = [current()]; for (const t of [c, a, b]) { batch.select(t); act(t, 7); batch.advance(); "

    assert run(f"{THREE} {steps} seen.push(current()); }} return [seen, batch.isDone];") == [[1, 1, 2, None], True]


def test_arrows_go_round_the_ends_also_from_where_all_is_answered(run: Run) -> None:
    moves = "const to = (step) => { batch.move(step); return current(); };"
    finished = "for (const t of batch.tiles) act(t, 1); batch.advance();"

    assert run(f"{THREE} {moves} return [to(-1), to(1), to(1)];") == [3, 1, 2]
    assert run(f"{THREE} {moves} {finished} return [current(), to(-1)];") == [None, 3]
    assert run(f"{THREE} {moves} {finished} return [current(), to(1)];") == [None, 1]


def test_what_came_by_chance_is_exchanged_and_what_was_answered_or_is_looked_at_stays(run: Run) -> None:
    begun = f"{THREE} act(a, 7); batch.advance(); c.isClosed = true;"

    untouched = f"{THREE} const before = batch.isUntouched; batch.exchange([tile(8), tile(9)]);"
    assert run(f"{untouched} return [before, ids(), current()];") == [True, [8, 9], 8]
    assert run(
        f"{begun} const before = batch.isUntouched; batch.exchange([b, tile(9)]); return [before, ids(), current()];"
    ) == [*(False, [1, 2, 9], 2)]
    answered_meanwhile = "act(b, 5); batch.advance(); batch.exchange([b, tile(9)]);"
    assert run(f"{begun} {answered_meanwhile} return [ids(), current(), batch.open.length];") == [[1, 2, 9], 9, 1]
    assert run(f"{THREE} a.isFlagged = true; return batch.isUntouched;") is False


def test_a_closed_image_is_neither_open_nor_advanced_to(run: Run) -> None:
    assert run(f"{THREE} b.isClosed = true; batch.advance(); return [current(), batch.open.length];") == [3, 2]


def test_a_skip_answers_an_image_without_a_value(run: Run) -> None:
    assert run(f"{THREE} act(b, null, 'skip'); return [b.isSkipped, b.isOpen, b.value, a.isSkipped];") == [
        *(True, False, None, False)
    ]


def test_what_stood_before_stands_again_when_an_act_is_taken_back(run: Run) -> None:
    chain = "const first = act(a, 1); const second = act(a, 2, 'change'); const third = act(a, 3, 'change');"

    assert run(f"{THREE} {chain} batch.takeBack(third); return [a.value, batch.lastAct === second];") == [2, True]
    assert run(f"{THREE} {chain} batch.takeBack(second); batch.takeBack(third); return a.value;") == 1
    assert run(f"{THREE} {chain} for (const x of [first, second, third]) batch.takeBack(x); return a.isOpen;") is True


def test_undo_finds_the_last_act_of_all_images(run: Run) -> None:
    acts = "act(c, 1); act(a, 2); const last = act(b, 3);"

    assert run(
        f"{THREE} {acts} const is = batch.lastAct === last; batch.takeBack(last); return [is, batch.lastAct.value];"
    ) == [*(True, 2)]


def test_an_act_is_found_by_its_key_or_by_its_event_and_not_by_an_event_that_is_unknown(run: Run) -> None:
    find = "const found = (...by) => batch.findAct(...by)?.value ?? null;"
    asked = "[found('key-1'), found('key-2'), found(null, 17), found('key-9'), found(null, null)]"

    assert run(f"{THREE} act(a, 1); act(b, 2, 'label', 17); {find} return {asked};") == [1, 2, 2, None, None]


def test_what_is_open_stays_in_front_of_the_next_batch_once(run: Run) -> None:
    assert run(f"{THREE} act(b, 1); batch.replace([3, 4].map(tile)); return [ids(), current()];") == [[1, 3, 4], 1]


def test_an_image_that_is_held_no_more_is_closed_unless_its_answer_is_under_way(run: Run) -> None:
    aligned = "batch.align([c, tile(4)], new Set([2]));"

    assert run(f"{THREE} {aligned} return [batch.tiles.map((t) => t.isClosed), ids(), current()];") == [
        *([True, False, False, False], [1, 2, 3, 4], 2)
    ]


def test_an_image_that_is_held_again_is_open_again(run: Run) -> None:
    assert run(f"{THREE} a.isClosed = true; batch.align([a, b, c], new Set()); return [a.isOpen, current()];") == [
        True,
        1,
    ]


def test_an_image_of_an_earlier_batch_comes_back_in_front_and_is_current(run: Run) -> None:
    back = "const old = tile(9); old.isClosed = true; batch.bringBack(old); batch.bringBack(old);"

    assert run(f"{THREE} {back} return [ids(), current(), old.isOpen];") == [[9, 1, 2, 3], 9, True]


def test_a_record_makes_the_same_batch_again(run: Run) -> None:
    before = "act(a, 1, 'label', 11); act(a, 2, 'change'); act(b, null, 'skip'); b.isFlagged = true;"
    stored = "const again = new Batch(); again.restore(JSON.parse(JSON.stringify(batch.record)), makeTile);"
    tiles = "again.tiles.map(({ imageId, value, isFlagged }) => [imageId, value, isFlagged])"
    acts = "[again.current.imageId, again.findAct('key-1').eventId, again.lastAct.kind]"

    assert run(f"{THREE} {before} {stored} return {tiles};") == [[1, 2, False], [2, None, True], [3, None, False]]
    assert run(f"{THREE} {before} {stored} return {acts};") == [3, 11, "skip"]
    assert run(f"{THREE} {before} {stored} again.takeBack(again.findAct('key-2')); return again.tiles[0].value;") == 1


def test_a_restored_batch_in_which_all_is_answered_has_no_current_image(run: Run) -> None:
    answered = "for (const t of batch.tiles) act(t, 5); batch.restore(batch.record, makeTile);"

    assert run(f"{THREE} {answered} return [current(), batch.isDone, values()];") == [None, True, [5, 5, 5]]


def test_acts_of_the_last_three_batches_are_kept_and_of_older_ones_the_events(run: Run) -> None:
    rounds = """for (let n = 1; n <= 5; n += 1) {
      batch.replace([tile(10 * n), tile(10 * n + 1)]);
      for (const t of batch.tiles) act(t, n, "label", t.imageId);
    }
    const found = [10, 20, 30, 40, 50].map((id) => batch.findAct(null, id) !== null);"""
    taken = "[batch.takeOlderEventId(), batch.takeOlderEventId(), batch.takeOlderEventId()]"

    assert run(f"{MAKE} {rounds} return [found, {taken}];") == [[False, False, True, True, True], [21, 20, 11]]


def test_an_older_event_that_another_page_has_undone_is_not_undone_again(run: Run) -> None:
    rounds = """for (let n = 1; n <= 4; n += 1) {
      batch.replace([tile(n), tile(10 + n)]);
      for (const t of batch.tiles) act(t, n, "label", t.imageId);
    }"""

    dropped = (
        f"{MAKE} {rounds} batch.dropOlderEventId(11); return [batch.takeOlderEventId(), batch.takeOlderEventId()];"
    )

    assert run(dropped) == [1, None]


def test_an_image_whose_picture_has_not_come_is_not_seen(run: Run) -> None:
    states = [[False, 0], [True, 0], [True, 1]]
    make = "([complete, naturalWidth]) => new Tile({}, { complete, naturalWidth }).isSeen"

    assert run(f"{MAKE} return argument.map({make});", states) == [False, False, True]
