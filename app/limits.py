"""How much at once one server process takes on, and why the numbers fit together.

Files: a process usually may have 1,024 open. Connections take MAX_CONNECTIONS + BACKLOG = 664, the database two for
each of its connections (file and log), 2 * (DATABASE_KEPT + DATABASE_MORE) = 264, which leaves some 90 for all else.
When none is left, asyncio (3.11) logs a traceback for each connection that it cannot accept, thousands a second.
"""

THREADS = 120  # requests at a time; each may wait a second for a round, and must not block the others

DATABASE_KEPT = 16  # connections that stay open
DATABASE_MORE = 116  # a thread uses one at a time: THREADS, and a dozen for streams, the feed and background loops

MAX_CONNECTIONS = 600  # of clients
BACKLOG = 64  # connections that are accepted at once, before any is counted
STREAMS_OF_ALL = 400  # each is one of MAX_CONNECTIONS; the rest is for requests
STREAMS_OF_ONE = 20  # a hidden page closes its stream, so these are visible windows
STREAM_LIMIT = 100  # changes that one slow stream may lag behind; older ones are dropped

CONCURRENT_HASHES = 1  # 64 MB and four threads each: two at once are no quicker on two cores, and slow all else down
WAITING_LOGINS = 30  # for a hash, each in one of THREADS: three seconds' work

QUEUED_ORACLE_RUNS = 50  # of a quarter of a minute each
QUEUED_MODELS = 20  # networks to train, of a minute each or more

PREVIEWS_AT_ONCE = 2  # each with its original in memory, of 50 MB at most, and a process that decodes it
WAITING_PREVIEWS = 40  # each in one of THREADS
PREVIEW_SECONDS = 5.0  # the longest that one waits for its turn
PREVIEW_BYTES = 32_000_000  # of previews that are kept: some hundreds

DECODERS = 2  # processes that decode pictures which are sent; each starts with the first one
