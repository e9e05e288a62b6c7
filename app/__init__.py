"""Inkling shows people the images its model is least sure of, and learns again after every ten answers.

The map, top to bottom; imports go down only, and files of one line do not import each other:

    cli                                    the commands
    server                                 uvicorn on a socket of ours
    main, connection                       create_app: the one place where it is put together; clients that are too slow
    web                                    HTTP, in three wings: pages (HTML), which know the api (REST, streams, PNG),
                                           which knows the edge (security, callers, limits, problems, templates)
    supervisor, training_process           starts and restarts the trainer; what that process does
    trainer, export, verify, revoking      trains due rounds; labels as files; recomputes rounds; revokes all labels of
                                           one annotator
    training, labeling, revising, oracle   one round; ask and answer; change and undo; experiments
    queries, overview, annotators,         read-only answers about: a pool; all pools at a glance; the work of
    history, training_status               annotators; one image; the status of trainers
    labels, leases, asking, pools,         answers and labels, folded from the events; claims; what is known of an image
    accounts                               and when an act on it is refused; images; users who may log in
    events, rounds, backup, audit          label events; is a round due, its training set, its outcome; copies; logins
                                           and changes of accounts
    models, live, feed, schema             tables; announcements; those of other processes; is a database one of ours
    db, datasets, logs, names, passwords   transactions; where images come from; lines with a request's id; names of
                                           users and the hashes of their passwords
    sqlite, write_lock, loops              what is SQLite's own; one writer at a time; background work
    settings                               from the environment
    errors, accuracy, private, changes,    expected failures; shares with intervals; files that only their owner may
    limits, paging, learning               read; what a commit announces; how much at once; lists in pages; NumPy and
                                           TensorFlow, pure

A server is two processes. The web process serves people; the trainer fits models, and is restarted if it dies. They
share the database: each tells the other in the table `change` what it has committed. Beside it are the lock file, and
the pipe with which the trainer notices that its server is gone.

A click begins in static/label.js, the pages lie in templates/, and migrations/ leads older databases here.
"""
