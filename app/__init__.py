"""Inkling shows people the images its model is least sure of, and learns again after every ten answers.

The map, top to bottom; imports go down only, and files of one line do not import each other:

    main, cli                           put it together, serve it, or run it from the shell
    web, trainer                        HTTP; the background thread
    labeling, oracle.runs               what an annotator does; experiments on request
    rounds, queries                     training sets and their outcome; reads for pages and API
    labels, leases, pools, oracle.table
    models, live, oracle.scenarios      tables; announcements; the paper's experiments
    db, learning, datasets              transactions; NumPy and TensorFlow; where images come from
    errors, settings, accuracy
"""
