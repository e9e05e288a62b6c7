"""Inkling shows people the images its model is least sure of, and learns again after every ten answers.

The map, top to bottom; imports go down only, and files of one line do not import each other:

    cli                                     the commands
    server                                  uvicorn on a socket of ours
    main                                    create_app: the one place where it is put together
    web                                     HTTP: pages, REST API, streams
    trainer, export                         the background thread; labels as files
    labeling, oracle.runs                   what an annotator does; experiments on request
    queries                                 read-only answers for pages and API
    rounds                                  is one due, its training set, its outcome
    labels, leases, pools, oracle.table     events and their fold; claims; images; published against reproduced
    models, live, oracle.scenarios          tables; announcements; the paper's experiments
    db, learning, datasets                  transactions; NumPy and TensorFlow; where images come from
    errors, settings, accuracy
"""
