"""Inkling shows people the images its model is least sure of, and learns again after every ten answers.

The map, top to bottom; imports go down only, and files of one line do not import each other:

    cli                                    the commands
    server                                 uvicorn on a socket of ours
    main, connection                       create_app: the one place where it is put together; clients that are too slow
    web                                    HTTP, in three wings: pages (HTML) know api (REST, streams, images), which
                                           knows edge (security, callers, limits, problems, templates)
    trainer, export, verify, revoking      the background thread; labels as files; rounds computed again; all of one
                                           annotator's labels taken back
    training, labeling, revising, oracle   one round; ask and answer; change and undo; experiments
    queries, people, history               read-only answers: of pools; of who works in them; of one image
    labels, leases, asking, pools,         what stands after the events; claims; what is known of an image that is acted
    accounts                               on; images; who may come in
    events, rounds, backup                 label events; is a round due, its training set, its outcome; copies
    models, live, schema                   tables; announcements; is a database one of ours
    db, datasets, logs, names, passwords   transactions; where images come from; lines with a request's id; people's
                                           names and the hashes of their passwords
    settings                               from the environment
    errors, accuracy, private, learning    files for their owner alone; and NumPy and TensorFlow, pure
"""
