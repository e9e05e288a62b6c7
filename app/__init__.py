"""Inkling shows people the images its model is least sure of, and learns again after every ten answers.

The map, top to bottom; imports go down only, and files of one line do not import each other:

    cli                                    the commands
    server                                 uvicorn on a socket of ours
    main, connection                       create_app: the one place where it is put together; clients that are too slow
    web                                    HTTP, in three wings: pages (HTML), which know the api (REST, streams, PNG),
                                           which knows the edge (security, callers, limits, problems, templates)
    keeper, training_process               the trainer as the server's child; what that process does
    trainer, export, verify, revoking      due rounds, trained; labels as files; rounds computed again; all of one
                                           annotator's labels taken back
    training, labeling, revising, oracle   one round; ask and answer; change and undo; experiments
    queries, people, history,              read-only answers: of pools; of who works in them; of one image; of what
    training_status                        the trainers say of themselves
    labels, leases, asking, pools,         what stands after the events; claims; what is known of an image that is acted
    accounts                               on; images; who may come in
    events, rounds, backup                 label events; is a round due, its training set, its outcome; copies
    models, live, feed, schema             tables; announcements; those of other processes; is a database one of ours
    db, datasets, logs, names, passwords   transactions; where images come from; lines with a request's id; people's
                                           names and the hashes of their passwords
    sqlite, write_lock, loops              what is SQLite's own; one writer at a time; background work
    settings                               from the environment
    errors, accuracy, private, changes,    files for their owner alone
    limits, paging, learning               what a transaction announces; how much at once; NumPy and TensorFlow, pure

A server is two processes. The web process answers people; the trainer fits models, and is started again if it dies.
They share the database and nothing else: each tells the other in the table `change` what it has committed.
"""
