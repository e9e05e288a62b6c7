"""Softmax regression against a reference in NumPy that shares no code with it."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays_of
from numpy.typing import NDArray

from app.learning import softmax
from app.learning.learner import Features, LabeledImages, PoolImages, TrainingDiverged, find_right
from app.learning.softmax import SoftmaxRegression, State
from app.learning.softmax_steps import count_steps
from tests.factories import make_images

pytestmark = pytest.mark.tensorflow

Float64 = NDArray[np.float64]
N_CLASSES, N_FEATURES = 10, 16


@pytest.fixture(scope="module")
def model() -> SoftmaxRegression:
    """One model for all tests: it keeps no state between calls."""
    return SoftmaxRegression(N_CLASSES, (N_FEATURES,))


@pytest.fixture
def zeros() -> State:
    """The state before any training."""
    return State.zeros(N_CLASSES, N_FEATURES)


def images(n_images: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    x, y = make_images(n_images, seed=seed)
    return x.reshape(n_images, -1), y


@dataclass(frozen=True)
class FitResult:
    """A fit with its state read."""

    state: State
    correct: int | None
    steps: int


def fit_in(
    model: SoftmaxRegression,
    state: State,
    x: NDArray[np.uint8],
    y: NDArray[np.int64],
    validation_x: NDArray[np.uint8],
    validation_y: NDArray[np.int64],
) -> FitResult:
    """On all images of a pool, in their order."""
    validation = LabeledImages(validation_x, validation_y)
    found = model.fit(state.to_bytes(), pool_of(x), np.arange(len(x)), y, validation)
    return FitResult(State.from_bytes(found.state), found.correct, found.steps)


def predict(
    model: SoftmaxRegression, state: State, x: NDArray[np.uint8], rows: NDArray[np.int64] | None = None
) -> NDArray[np.float32]:
    return model.predict(state.to_bytes(), pool_of(x), np.arange(len(x)) if rows is None else rows)


def count_correct(model: SoftmaxRegression, state: State, x: NDArray[np.uint8], y: NDArray[np.int64]) -> int:
    return int(find_right(model, state.to_bytes(), pool_of(x[:0]), LabeledImages(x, y)).sum())


def pool_of(x: NDArray[np.uint8]) -> PoolImages:
    return PoolImages(x, Features(0, {}))


@dataclass
class Reference:
    """The paper's training written out in float64: its formulas, one after the other."""

    w: Float64  # (D, K), as in the paper
    b: Float64
    w_m: Float64
    w_v: Float64
    b_m: Float64
    b_v: Float64
    step: int

    @classmethod
    def zeros(cls, n_classes: int = N_CLASSES) -> "Reference":
        w, b = np.zeros((N_FEATURES, n_classes)), np.zeros(n_classes)
        return cls(w, b, w.copy(), w.copy(), b.copy(), b.copy(), 0)

    def logits(self, x: NDArray[np.uint8]) -> Float64:
        return np.asarray(x / 255.0 @ self.w + self.b)

    def probabilities(self, x: NDArray[np.uint8]) -> Float64:
        e = np.exp(self.logits(x) - self.logits(x).max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True))

    def descend(self, x: NDArray[np.uint8], y: NDArray[np.int64]) -> None:
        gradient = (self.probabilities(x) - np.eye(len(self.b))[y]) / len(x)  # (N, K)
        w_gradient, b_gradient = (x / 255.0).T @ gradient, gradient.sum(axis=0)
        self.step += 1
        rate = 0.1 * np.sqrt(1 - 0.999**self.step) / (1 - 0.9**self.step)
        self.w_m, self.b_m = 0.9 * self.w_m + 0.1 * w_gradient, 0.9 * self.b_m + 0.1 * b_gradient
        self.w_v, self.b_v = 0.999 * self.w_v + 0.001 * w_gradient**2, 0.999 * self.b_v + 0.001 * b_gradient**2
        self.w = self.w - rate * self.w_m / (np.sqrt(self.w_v) + 1e-8)
        self.b = self.b - rate * self.b_m / (np.sqrt(self.b_v) + 1e-8)

    def fit(
        self, x: NDArray[np.uint8], y: NDArray[np.int64], vx: NDArray[np.uint8], vy: NDArray[np.int64]
    ) -> tuple[int, int]:
        best, patience, steps = int((self.logits(vx).argmax(axis=1) == vy).sum()), 10, 0
        kept = (self.w, self.b)
        while patience > 0:
            self.descend(x, y)
            steps += 1
            correct = int((self.logits(vx).argmax(axis=1) == vy).sum())
            if correct > best:
                best, patience, kept = correct, 10, (self.w, self.b)
            else:
                patience -= 1
        self.w, self.b = kept
        return best, steps


def assert_close(state: State, reference: Reference) -> None:
    # Adam divides by the root of a tiny number, so float32 strays from float64 within some dozens of steps.
    np.testing.assert_allclose(state.weights, reference.w.T, atol=0.02)
    np.testing.assert_allclose(state.bias, reference.b, atol=0.02)
    np.testing.assert_allclose(state.weights_m, reference.w_m.T, atol=2e-3)
    np.testing.assert_allclose(state.weights_v, reference.w_v.T, rtol=0.02, atol=1e-7)
    np.testing.assert_allclose(state.bias_m, reference.b_m, atol=2e-3)
    np.testing.assert_allclose(state.bias_v, reference.b_v, rtol=0.02, atol=1e-7)
    np.testing.assert_allclose(state.beta1_power, 0.9 ** (reference.step + 1), rtol=1e-4)
    np.testing.assert_allclose(state.beta2_power, 0.999 ** (reference.step + 1), rtol=1e-4)


# The fit


def test_one_step_is_adams(model: SoftmaxRegression, zeros: State) -> None:
    # One class, so the first step gets all validation images right and none after it is better.
    x, _ = images(12)
    y, reference = np.full(12, 3), Reference.zeros()

    fit = fit_in(model, zeros, x, y, x, y)
    reference.descend(x, y)

    assert (fit.correct, fit.steps) == (12, 11)
    np.testing.assert_allclose(fit.state.weights, reference.w.T, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(fit.state.bias, reference.b, rtol=1e-4)


def test_without_any_improvement_the_weights_go_back_and_the_moments_stay(
    model: SoftmaxRegression, zeros: State
) -> None:
    # A model of zeros says 0 to everything, which is right here; what it learns is wrong.
    x, _ = images(12)
    reference = Reference.zeros()

    fit = fit_in(model, zeros, x, np.full(12, 3), x, np.zeros(12, np.int64))
    for _ in range(10):
        reference.descend(x, np.full(12, 3))
    reference.w, reference.b = reference.w * 0, reference.b * 0

    assert (fit.correct, fit.steps) == (12, 10)
    assert_close(fit.state, reference)


@pytest.mark.parametrize("seed", range(4))
def test_rounds_of_fits_are_those_of_the_reference(model: SoftmaxRegression, zeros: State, seed: int) -> None:
    x, y = images(40, seed)
    validation_x, validation_y = images(20, seed + 100)
    state, reference = zeros, Reference.zeros()
    for n_labels in (20, 40):
        fit = fit_in(model, state, x[:n_labels], y[:n_labels], validation_x, validation_y)
        state = fit.state

        assert (fit.correct, fit.steps) == reference.fit(x[:n_labels], y[:n_labels], validation_x, validation_y)
        assert_close(state, reference)


def test_the_same_fit_twice_is_the_same_to_the_last_bit(zeros: State) -> None:
    x, y = images(60)
    validation = images(30, 1)
    fits = [fit_in(SoftmaxRegression(N_CLASSES, (N_FEATURES,)), zeros, x, y, *validation) for _ in range(2)]

    assert fits[0].state.to_bytes() == fits[1].state.to_bytes()
    assert fits[0].steps == fits[1].steps


def test_a_fit_does_not_depend_on_what_the_model_did_before(model: SoftmaxRegression, zeros: State) -> None:
    x, y = images(30)
    first = fit_in(model, zeros, x, y, x, y)
    fit_in(model, first.state, x[:7], y[:7], x, y)
    predict(model, first.state, x)

    assert fit_in(model, zeros, x, y, x, y).state.to_bytes() == first.state.to_bytes()


def test_a_fit_changes_nothing_that_it_was_given(model: SoftmaxRegression, zeros: State) -> None:
    x, y = images(30)
    before = (zeros.to_bytes(), x.tobytes(), y.tobytes())
    fit_in(model, zeros, x, y, x, y)

    assert (zeros.to_bytes(), x.tobytes(), y.tobytes()) == before


def test_the_count_is_that_of_the_weights_that_come_back(model: SoftmaxRegression, zeros: State) -> None:
    x, y = images(30)
    validation_x, validation_y = images(40, 1)
    fit = fit_in(model, zeros, x, y, validation_x, validation_y)

    assert fit.correct == count_correct(model, fit.state, validation_x, validation_y)
    assert fit.correct is not None
    assert fit.correct > 10


def test_a_restart_between_two_fits_changes_no_bit(model: SoftmaxRegression, zeros: State) -> None:
    x, y = images(30)
    first = fit_in(model, zeros, x[:10], y[:10], x, y).state
    through = fit_in(model, first, x, y, x, y).state

    restarted = fit_in(
        SoftmaxRegression(N_CLASSES, (N_FEATURES,)), State.from_bytes(first.to_bytes()), x, y, x, y
    ).state

    assert restarted.to_bytes() == through.to_bytes()


def test_without_validation_images_a_fit_takes_the_steps_that_serve_left_out_ones(
    model: SoftmaxRegression, zeros: State
) -> None:
    x, y = images(30)
    before = fit_in(model, zeros, x, y, x, y).state

    fit = fit_in(model, before, x, y, x[:0], y[:0])

    reference = Reference.zeros()  # it starts anew: the earlier model has seen what was left out
    for _ in range(fit.steps):
        reference.descend(x, y)
    assert fit.correct is None
    assert fit.steps == count_steps(x, y, N_CLASSES)
    assert_close(fit.state, reference)


def test_a_fit_that_diverges_is_refused(model: SoftmaxRegression, zeros: State) -> None:
    x, y = images(12)
    weights = zeros.weights.copy()
    weights[3, 4] = np.nan

    with pytest.raises(TrainingDiverged, match="the fit on 12 labels ended in NaN"):
        fit_in(model, replace(zeros, weights=weights), x, y, x, y)


# Prediction


def test_a_model_of_zeros_finds_all_classes_equally_likely(model: SoftmaxRegression, zeros: State) -> None:
    x, _ = images(7)
    probabilities = predict(model, zeros, x)

    assert probabilities.dtype == np.float32
    np.testing.assert_array_equal(probabilities, np.full((7, 10), 0.1, np.float32))


def test_of_equal_classes_the_lowest_counts(model: SoftmaxRegression, zeros: State) -> None:
    x, y = images(50)

    assert count_correct(model, zeros, x, y) == (y == 0).sum() > 0


def test_probabilities_are_those_of_the_reference(model: SoftmaxRegression) -> None:
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(N_FEATURES, N_CLASSES)), rng.normal(size=N_CLASSES)
    reference = replace(Reference.zeros(), w=w, b=b)
    state = replace(State.zeros(N_CLASSES, N_FEATURES), weights=w.T.astype(np.float32), bias=b.astype(np.float32))
    x, y = images(200)

    np.testing.assert_allclose(predict(model, state, x), reference.probabilities(x), rtol=1e-4, atol=1e-7)
    assert count_correct(model, state, x, y) == (reference.logits(x).argmax(axis=1) == y).sum()


def test_of_a_large_pool_the_rows_are_those_of_the_whole(
    model: SoftmaxRegression, zeros: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(softmax, "CHUNK", 4)
    x, y = images(30)
    state = fit_in(model, zeros, x[:10], y[:10], x[10:], y[10:]).state
    whole = predict(model, state, x)
    most, few = np.arange(3, 30), np.array([2, 28])

    np.testing.assert_array_equal(predict(model, state, x, most), whole[most])
    np.testing.assert_allclose(predict(model, state, x, few), whole[few], rtol=1e-5)


@pytest.mark.parametrize("n_images", [0, 1, 7, 8, 9, 20])
def test_in_chunks_the_probabilities_are_those_of_all_at_once(
    model: SoftmaxRegression, zeros: State, monkeypatch: pytest.MonkeyPatch, n_images: int
) -> None:
    x, y = images(60)
    state = fit_in(model, zeros, x, y, x, y).state
    at_once = predict(model, state, x[:n_images])
    monkeypatch.setattr(softmax, "CHUNK", 4)

    in_chunks = predict(model, state, x[:n_images])

    assert in_chunks.shape == (n_images, N_CLASSES)
    np.testing.assert_allclose(in_chunks, at_once, rtol=1e-5)


def test_every_pixel_value_is_divided_by_255() -> None:
    # Times 1/255 differs in the last bit for 126 of the 256 values, and a run then leaves the paper's path. The weight
    # makes that bit a logit of 4, the bias takes away what division gives: 0 is left for exactly this number.
    model, weight = SoftmaxRegression(2, (1,)), np.float32(2.0**26)
    for value in range(256):
        state = State.zeros(2, 1)
        state.weights[0, 0], state.bias[0] = weight, -weight * (np.float32(value) / np.float32(255))

        assert predict(model, state, np.array([[value]], np.uint8)).tolist() == [[0.5, 0.5]], value


# The state


def test_a_state_of_another_pools_kind_is_refused_with_both_shapes(model: SoftmaxRegression) -> None:
    x, _ = images(3)

    with pytest.raises(ValueError, match="of 3 classes and 16 pixels, where one of 10 classes and 16 pixels belongs"):
        predict(model, State.zeros(3, 16), x)


@st.composite
def states(draw: st.DrawFn) -> State:
    n_classes, n_features = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    like = State.zeros(n_classes, n_features)
    floats = st.floats(width=32)  # NaN and infinity too
    return State(
        **{
            field.name: draw(arrays_of.arrays(np.float32, getattr(like, field.name).shape, elements=floats))
            for field in fields(State)
        }
    )


@given(states())
def test_a_state_goes_to_bytes_and_back_bit_for_bit(state: State) -> None:
    again = State.from_bytes(state.to_bytes())

    for before, after in zip(state.arrays(), again.arrays(), strict=True):
        assert (before.shape, before.dtype, before.tobytes()) == (after.shape, after.dtype, after.tobytes())
    assert again.to_bytes() == state.to_bytes()


@given(st.binary(max_size=200))
def test_other_bytes_are_no_state(data: bytes) -> None:
    with pytest.raises(ValueError, match="a model state"):
        State.from_bytes(data)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:0], "a header of 12 bytes, here are 0"),
        (lambda data: data[:-1], "has 2048 bytes, here are 2047"),
        (lambda data: data + b"\0", "has 2048 bytes, here are 2049"),
        (lambda data: b"JUNK" + data[4:], "not a model state of format 1"),
        (lambda data: data[:4] + b"\2" + data[5:], "not a model state of format 1"),
        (lambda data: data[:6] + b"\xff\xff" + data[8:], "a model state of this shape"),
    ],
)
def test_bytes_that_were_damaged_say_what_is_wrong(zeros: State, damage: Any, message: str) -> None:
    data = zeros.to_bytes()
    size = len(data)
    message = message.replace("2048", str(size)).replace("2047", str(size - 1)).replace("2049", str(size + 1))

    with pytest.raises(ValueError, match=message):
        State.from_bytes(damage(data))


def test_a_header_that_claims_a_gigantic_model_costs_no_memory(zeros: State) -> None:
    data = zeros.to_bytes()
    gigantic = data[:6] + b"\xff\xff" + b"\xff\xff\xff\xff" + data[12:]

    with pytest.raises(ValueError, match="a model state of this shape"):
        State.from_bytes(gigantic)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [field.name for field in fields(State)])
def test_a_state_with_a_number_that_is_none_is_known_as_such(zeros: State, name: str, poison: float) -> None:
    array = getattr(zeros, name).copy()
    array[(0,) * array.ndim] = poison

    assert zeros.is_finite()
    assert not replace(zeros, **{name: array}).is_finite()
