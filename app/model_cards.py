"""What comes with a model that is taken away: a page of Markdown for whoever uses it without Inkling."""

import numpy as np

from app.accuracy import Accuracy
from app.models import Pool, TrainedModel
from app.trained_models import file_name

TESTED_ON = {
    "test": "the pool’s test images, none of which it was trained on",
    "chance": "images that were drawn by chance, answered, and kept out of the training",
}


def get_accuracy(model: TrainedModel) -> Accuracy | None:
    """How many images it gets right that it was not trained on; None if there are none."""
    return None if model.correct is None or model.total is None else Accuracy(model.correct, model.total)


def tell_why_unknown(model: TrainedModel) -> str:
    """Why a model that is done has no accuracy, as the rest of a sentence."""
    if (model.n_human or 0) + (model.n_oracle or 0) == 1:
        return "the pool has no test images, and its only label was needed for the training"
    return "the pool has no test images, and no label of an image that was drawn by chance"


def write_card(pool: Pool, model: TrainedModel, predictions: bytes) -> str:
    """The card of a model that is done, from its row and its predictions uint16 (N,) for the images of the pool."""
    shape = f"{pool.height}, {pool.width}, {pool.channels}"
    colours = "grey" if pool.channels == 1 else "red, green, blue"
    finished = f"{model.finished_at:%Y-%m-%d %H:%M} UTC" if model.finished_at else ""
    return f"""\
# {pool.name}: model {model.id}

A convolutional network that tells {len(pool.classes):,} classes of images apart, trained by Inkling on {finished}.

## Accuracy

{_tell_accuracy(model)}

## Use

Keras and TensorFlow are all it needs:

```python
import keras, numpy as np
model = keras.saving.load_model("{file_name(pool, model, "keras")}")
probabilities = model.predict(np.zeros((1, {shape}), np.uint8))  # your images in the place of zeros
```

- Input: arrays of the shape (images, {shape}), {colours}, numbers from 0 to 255.
  They may be uint8 or float; do not divide them by 255.
- Output: an array of the shape (images, {len(pool.classes)}), the probabilities of the classes in this order:

{_list_classes(pool)}

## What it was trained on

- Pool: {pool.name} (`{pool.slug}`), {pool.dataset_description}
- Labels by people: {model.n_human:,}
- Labels by an oracle, from known answers: {model.n_oracle:,}
- Labels by a machine, the learner “{pool.learner}” of the pool: {model.n_machine:,}
- State of the pool: round {model.round}, event {model.last_event_id}
- Seed: {model.seed}; computed with {model.numerics}, in {(model.train_ms or 0) / 1000:.0f} s

## Limits

- Some of the machine’s labels are wrong, and nobody has looked at them. The network makes some of the same mistakes.
- It knows images like those of the pool. What it says of others means little, and it always names one of its classes.
- The probabilities are not calibrated: 0.9 does not mean that 90 % of such answers are right.
{_tell_missing(pool, predictions)}"""


def _tell_accuracy(model: TrainedModel) -> str:
    accuracy = get_accuracy(model)
    if accuracy is None or model.tested_on is None:
        return f"Not known: {tell_why_unknown(model)}. Label some test images before you rely on it."
    low, high = accuracy.interval
    return (
        f"**{accuracy.value:.2%}** right ({accuracy.correct:,} of {accuracy.total:,}; 95 % interval "
        f"{low:.2%} to {high:.2%}), counted on {TESTED_ON[model.tested_on]}."
    )


def _list_classes(pool: Pool) -> str:
    return "\n".join(f"{index}. {name}" for index, name in enumerate(pool.classes))


def _tell_missing(pool: Pool, predictions: bytes) -> str:
    found = np.unique(np.frombuffer(predictions, "<u2"))
    missing = [name for index, name in enumerate(pool.classes) if index not in found]
    if not missing:
        return ""
    return (
        f"- It finds no image of the pool in these classes: {', '.join(missing)}. A class that nobody had answered "
        "cannot be predicted.\n"
    )
