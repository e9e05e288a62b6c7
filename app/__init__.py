"""Inkling shows people the images its model is least sure of, and learns again after every ten answers.

The map, top to bottom; imports go down only, and files of one line do not import each other:

    cli                                    the commands
    server                                 uvicorn on a socket of ours
    main, connection                       create_app: the one place where it is put together; clients that are too slow
    web                                    HTTP, in three wings: pages (HTML), which know the api (REST, streams, PNG),
                                           which knows the edge (security, callers, limits, problems, templates)
    supervisor, training_process,          starts and restarts the trainer; what that process does; sends what webhooks
    delivering                             are to be told
    trainer, preparing, first_pools,       trains due rounds; lets a learner look at a pool; the two pools of a first
    model_training, export, verify,        start; trains models to take away; labels as files; recomputes rounds;
    revoking, importing, deleting,         revokes all labels of one annotator; brings a source into a pool; deletes
    merging                                one; merges classes, and takes that back
    training, labeling, revising, oracle,  one round; ask and answer; change and undo; experiments; are labels what
    standing, adding, own_pools,           their events say; images into a pool; pools of images that people bring;
    predicting, previews                   trained models at work, and as files; originals as people see them
    queries, overview, annotators,         read-only answers about: a pool; all pools at a glance; the work of
    history, training_status, model_cards, annotators; one image; the status of trainers; what is to be known of a
    examples, guidelines, invitations      model; images that stand for the classes; texts with pictures for annotators;
                                           links with which people set a password
    settling                               answers brought in line with the merges of classes
    labels, leases, asking, pools,         answers and labels, folded from the events; claims; what is known of an image
    accounts, trained_models,              and when an act on it is refused; images; users who may log in; models to
    milestones, webhooks                   take away; rounds, goals and ends that are told of; who is told
    tokens                                 for scripts, and sessions of browsers
    events, rounds, opinions, backup,      label events; is a round due, its training set, its outcome; what a trained
    audit, goals, deliveries               model says to it; copies; logins and changes of accounts; how far a pool is;
                                           what webhooks are to be told
    features, sources, merges              what a learner learned of a pool's images before any label; folders, archives
                                           and lists that images come from; which classes are merged
    models, live, feed, schema             tables; announcements; those of other processes; is a database one of ours
    db, datasets, logs, names, passwords   transactions; where images come from; lines with a request's id; names of
                                           users and the hashes of their passwords
    chores, pictures, posting              long work of the trainer, in child processes; files decoded in processes with
                                           limits; a body sent to an address that others gave
    sqlite, write_lock, loops              what is SQLite's own; one writer at a time; background work
    settings                               from the environment
    errors, accuracy, private, changes,    expected failures; shares with intervals; files that only their owner may
    limits, paging, differences,           read; what a commit announces; how much at once; lists in pages; the first
    rendering, zips, learning              difference of stored and computed; arrays as files; zips as streams; NumPy
                                           and TensorFlow, pure

A server is two processes. The web process serves people; the trainer fits models, and is restarted if it dies. They
share the database: each tells the other in the table `change` what it has committed. What webhooks are to be told is
written with what it tells of, by either process, and sent by the web process. Beside the database are the lock file,
and the pipe with which the trainer notices that its server is gone. Long work, such as a learner's first look at a
pool, the trainer gives to a child of its own, one at a time.

A learner is `softmax`, the paper's, which learns from pixels; or `graph`, which looks at all images of a pool first.
Until it has, images are asked by chance; then a round is due, even without a label.

A click begins in static/label.js, the pages lie in templates/, and migrations/ leads older databases here.
"""
