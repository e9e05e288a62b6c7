"""Inkling shows people the images its model is least sure of, and learns again after every ten answers.

The map, top to bottom; imports go down only, and files of one line do not import each other:

    cli                                    the commands
    server                                 uvicorn on a socket of ours
    main, connection                       create_app: the one place where it is put together; clients that are too slow
    web                                    HTTP: pages, REST API, streams, logins
    trainer, export, verify                the background thread; labels as files; rounds computed again
    training, labeling, revising, oracle   one round; ask and answer; change and undo; experiments
    queries, people, history               read-only answers: of pools; of who works in them; of one image
    labels, leases, pools, accounts        events and their fold; claims; images; who may come in
    rounds                                 is one due, its training set, its outcome
    models, live, backup                   tables; announcements; copies
    db, datasets, logs                     transactions; where images come from; lines with a request's id
    errors, settings, accuracy, learning   and NumPy and TensorFlow, pure
"""
