"""What survives a reload, and what is left where the browser keeps nothing."""

from playwright.sync_api import BrowserContext, Page

from .conftest import SITE, Run, Site, run_in

OPEN = 'const { Store } = await import("/store.js"); const store = new Store("one:");'
FILL = 'localStorage.setItem("rest", "x".repeat(5 * 1024 * 1024 - JSON.stringify(localStorage).length - 100));'


def test_what_is_set_survives_a_reload(page: Page, run: Run) -> None:
    run(f"{OPEN} store.set('a', {{ n: [1, null, 'é'] }});")
    page.reload()

    assert run(f"{OPEN} return [store.get('a'), store.get('b'), store.isLasting];") == [
        {"n": [1, None, "é"]},
        None,
        True,
    ]


def test_what_is_removed_is_gone_after_a_reload(page: Page, run: Run) -> None:
    run(f"{OPEN} store.set('a', 1); store.set('b', 2); store.remove('a');")
    page.reload()

    assert run(f"{OPEN} return [store.get('a'), store.keys()];") == [None, ["b"]]


def test_a_store_sees_no_keys_of_another(run: Run) -> None:
    two = f"{OPEN} const other = new Store('two:'); store.set('a', 1); other.set('a', 2); other.set('b', 3);"

    assert run(f"{two} return [store.get('a'), store.keys(), other.keys()];") == [1, ["a"], ["a", "b"]]


def test_keys_are_in_alphabetical_order_however_they_were_set(run: Run) -> None:
    assert run(f"{OPEN} for (const key of ['b', 'c', 'a', '10', '9']) store.set(key, 0); return store.keys();") == [
        *("10", "9", "a", "b", "c")
    ]


def test_what_another_script_wrote_counts_as_nothing(run: Run) -> None:
    assert run(f"{OPEN} localStorage.setItem('one:a', '{{'); return store.get('a');") is None


def test_a_full_storage_keeps_it_in_memory_and_says_so(page: Page, run: Run) -> None:
    big = "'y'.repeat(1000)"

    kept = run(f"{OPEN} {FILL} store.set('a', {big}); return [store.get('a').length, store.keys(), store.isLasting];")
    page.reload()

    assert kept == [1000, ["a"], False]
    assert run(f"{OPEN} return [store.get('a'), store.isLasting];") == [None, True]


def test_an_older_value_does_not_come_back_if_the_newer_one_did_not_fit(page: Page, run: Run) -> None:
    run(f"{OPEN} store.set('a', 'older'); {FILL} store.set('a', 'y'.repeat(1000));")
    page.reload()

    assert run(f"{OPEN} return store.get('a');") is None


def test_a_value_that_fits_later_lasts_again(run: Run) -> None:
    again = "localStorage.removeItem('rest'); store.set('a', 'z');"

    assert run(
        f"{OPEN} {FILL} store.set('a', 'y'.repeat(1000)); {again} return [store.get('a'), store.isLasting];"
    ) == [*("z", True)]


def test_a_value_that_was_kept_in_memory_can_be_removed(run: Run) -> None:
    removed = f"{OPEN} {FILL} store.set('a', 'y'.repeat(1000)); store.remove('a');"

    assert run(f"{removed} return [store.get('a'), store.keys(), store.isLasting];") == [None, [], True]


def test_where_storage_is_forbidden_everything_lasts_as_long_as_the_page(page: Page, run: Run, site: Site) -> None:
    site.headers = {"Content-Security-Policy": "sandbox allow-scripts"}  # an origin of its own, without storage
    page.reload()

    used = run(
        f"{OPEN} store.set('a', 1); store.set('b', 2); store.remove('b'); return [store.get('a'), store.keys()];"
    )

    assert used == [1, ["a"]]
    assert run(f"{OPEN} store.set('a', 1); return store.isLasting;") is False


def test_another_page_is_told_what_was_set_and_removed_in_this_store_alone(context: BrowserContext, run: Run) -> None:
    other = context.new_page()
    other.goto(SITE)
    run_in(other, f"{OPEN} globalThis.told = []; store.watch((...news) => told.push(news));")

    run(f"{OPEN} store.set('a', 1); store.set('a', 2); new Store('two:').set('a', 3); store.remove('a');")
    other.wait_for_function("told.length >= 3")

    assert other.evaluate("told") == [["a", 1, None], ["a", 2, 1], ["a", None, 2]]
    assert run(f"{OPEN} return store.keys();") == []
