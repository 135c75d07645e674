"""The way back through every kind of operation: what it keeps, where it ends, and what it refuses."""

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from kinds import KINDS, ending, fixed

from cnnviz_widgets.core.target import Target
from cnnviz_widgets.methods.lrp.relevance import relevance
from cnnviz_widgets.network import Network

pytestmark = pytest.mark.slow  # networks of many kinds, or many steps; the method's own tests are not

KNOBS = {"epsilon": 0.0, "gamma": 0.25, "alpha": 2.0}
RULES = ("composite", "epsilon", "gamma", "alpha-beta", "z-plus")


def shared_out(network, image, target=0, **recipe):
    """(relevance, score, what biases took)."""
    return relevance(network, image, target, **(KNOBS | recipe))


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0, 1, shape).astype(np.float32)


def far_apart(found, expected):
    """The largest difference, relative to the largest expected value, which must not be zero."""
    size = np.abs(expected).max()
    assert size > 1e-3
    return np.abs(found - expected).max() / size


def without_biases(middle, shape=(8, 8, 3)):
    """A network of a convolution, what `middle` makes of it, and a dense layer; every bias and shift is zero."""
    image = keras.Input(shape)
    values = middle(layers.Conv2D(4, 3, padding="same", activation="relu")(image))
    values = layers.Flatten()(values) if len(values.shape) > 2 else values
    model = fixed(keras.Model(image, layers.Dense(3)(values)))
    for weight in model.weights:
        if weight.name in ("bias", "beta", "moving_mean"):
            weight.assign(0 * weight)
        elif weight.name == "gamma":
            weight.assign(np.linspace(-1, 1.5, weight.shape[0]))
    return Network(model, value_range=(0, 1))


def skip(values):
    return layers.Add()([values, layers.Conv2D(4, 3, padding="same")(values)])


def skip_around_the_normalisation(values):
    values = layers.Conv2D(4, 3)(values)
    return layers.Add()([values, layers.BatchNormalization()(values)])


def three_ways(values):
    return layers.Concatenate()([values, layers.Add()([values, values, layers.Conv2D(4, 1)(values)])])


MIDDLES = {
    "nothing": lambda values: values,
    "batch normalisation behind a convolution": lambda v: layers.ReLU()(
        layers.BatchNormalization()(layers.Conv2D(4, 3)(v))
    ),
    "batch normalisation alone": lambda v: layers.ReLU()(layers.BatchNormalization()(v)),
    "batch normalisation behind depthwise": lambda v: layers.BatchNormalization()(
        layers.DepthwiseConv2D(3, depth_multiplier=2)(v)
    ),
    "batch normalisation behind transposed": lambda v: layers.BatchNormalization()(layers.Conv2DTranspose(3, 3)(v)),
    "batch normalisation behind dense": lambda v: layers.BatchNormalization()(layers.Dense(5)(layers.Flatten()(v))),
    "fused batch normalisation": lambda v: layers.Lambda(fused_batch_normalisation)(layers.Conv2D(4, 3)(v)),
    "older fused batch normalisation": layers.Lambda(lambda v: fused_batch_normalisation(v, "FusedBatchNorm")),
    "older additions": layers.Lambda(
        lambda v: tf.raw_ops.Add(x=tf.raw_ops.Add(x=v, y=tf.zeros(4)), y=tf.raw_ops.Div(x=v, y=2.0))
    ),
    "product of batches of matrices": layers.Lambda(lambda v: product_with_a_matrix(v)),
    "depthwise transposed convolution": layers.Lambda(lambda v: depthwise_transposed(v)),
    "rolled and gathered": layers.Lambda(lambda v: rolled_and_gathered(v)),
    "checked, of a known shape": layers.Lambda(
        lambda v: tf.ensure_shape(tf.debugging.check_numerics(v, "values"), (None, 8, 8, 4))
    ),
    "separable convolution": layers.SeparableConv2D(5, 3),
    "depthwise convolution": layers.DepthwiseConv2D(3, strides=2),
    "dilated convolution": layers.Conv2D(4, 3, dilation_rate=2),
    "grouped convolution": layers.Conv2D(4, 3, groups=2),
    "transposed convolution": layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
    "dense at each place": layers.Dense(5, activation="relu"),
    "einsum": layers.EinsumDense("nrcd,de->nrce", output_shape=(8, 8, 5)),
    "skip": skip,
    "skip around the normalisation": skip_around_the_normalisation,
    "three ways": three_ways,
    "max pooling": layers.MaxPooling2D(),
    "average pooling": layers.AveragePooling2D(3, padding="same"),
    "global average": layers.GlobalAveragePooling2D(),
    "global maximum": layers.GlobalMaxPooling2D(),
    "upsampling": layers.UpSampling2D(),
    "bilinear upsampling": layers.UpSampling2D(interpolation="bilinear"),
    "zero padding and cropping": lambda v: layers.Cropping2D(2)(layers.ZeroPadding2D(1)(v)),
    "permuted": lambda v: layers.Conv2D(2, 3)(layers.Permute((3, 1, 2))(v)),
    "time distributed": lambda v: layers.TimeDistributed(layers.Conv1D(3, 2))(layers.MaxPooling2D((4, 1))(v)),
    "leaky ReLU": lambda v: layers.LeakyReLU()(layers.Conv2D(4, 3)(v)),
    "parametric ReLU": lambda v: layers.PReLU()(layers.Conv2D(4, 3)(v)),
    "clipped ReLU": lambda v: layers.ReLU(max_value=20)(layers.Conv2D(4, 3)(v)),
    "scaled, divided and negated": lambda v: -(layers.Conv2D(4, 3)(v) * 3) / 2,
    "split and stacked": lambda v: ops.concatenate(ops.split(v, 2, axis=-1)[::-1], axis=1),
}
every_middle = pytest.mark.parametrize("middle", MIDDLES)


def fused_batch_normalisation(values, kind="FusedBatchNormV3"):
    gamma, zero = tf.constant([-1.0, 0.5, 1, 2]), tf.zeros(4)
    return getattr(tf.raw_ops, kind)(
        x=values, scale=gamma, offset=zero, mean=zero, variance=tf.ones(4), is_training=False
    ).y


def product_with_a_matrix(values):
    matrix = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    return tf.raw_ops.BatchMatMulV3(x=values, y=matrix, Tout=tf.float32)


def rolled_and_gathered(values):
    places = tf.transpose(tf.roll(values, 3, axis=1), (1, 2, 0, 3))
    return tf.transpose(tf.gather_nd(places, [[2, 1], [0, 3], [2, 1]]), (1, 0, 2))


def depthwise_transposed(values):
    kernel = np.random.default_rng(0).normal(size=(2, 2, 4, 1)).astype(np.float32)
    return tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
        input_sizes=tf.stack([tf.shape(values)[0], 16, 16, 4]),
        filter=kernel,
        out_backprop=values,
        strides=[1, 2, 2, 1],
        padding="SAME",
    )


@pytest.fixture(scope="module")
def network_with():
    made = {}

    def of(middle):
        if middle not in made:
            made[middle] = without_biases(MIDDLES[middle])
        return made[middle]

    return of


@every_middle
def test_without_biases_and_epsilon_it_is_gradient_times_input(middle, network_with):
    network, image = network_with(middle), noise(8, 8, 3)
    found, *_ = shared_out(network, image, 1, rule="epsilon")
    expected = network.gradient(image, 1) * image
    assert far_apart(found, expected) < 2e-5


@every_middle
@pytest.mark.parametrize("rule", ["composite", "alpha-beta", "z-plus"])
def test_without_biases_nothing_is_lost(middle, rule, network_with):
    for target in range(3):
        found, score, to_biases = shared_out(network_with(middle), noise(8, 8, 3), target, rule=rule)
        assert found.sum() == pytest.approx(float(score), rel=1e-3, abs=1e-3)
        assert to_biases == pytest.approx(0, abs=1e-4)


@every_middle
def test_under_z_plus_all_pixels_have_the_sign_of_the_score(middle, network_with):
    for target in range(3):
        found, score, _ = shared_out(network_with(middle), noise(8, 8, 3), target, rule="z-plus")
        assert (found * np.sign(score)).min() >= 0
        assert np.abs(found).max() > 0


@pytest.mark.parametrize("rule", ["gamma", "alpha-beta", "z-plus"])
@pytest.mark.parametrize(
    "name", ["skip_and_concat", "batch_norm_dropout_augmentation", "time_distributed", "shared_layer"]
)
def test_what_the_map_lacks_of_the_score_the_biases_took(name, rule, opened, image):
    kind, network = opened(name)
    found, score, to_biases = shared_out(network, image(kind), rule=rule)
    assert found.sum() + to_biases == pytest.approx(float(score), rel=1e-4, abs=1e-4)


# ---- The same network, written in another way


@cache
def flat_of(nested):
    """The network of the kind "nested_twice", put together without nesting."""
    values = inputs = keras.Input((12, 12, 3))
    for size in (3, 3, 1):
        values = layers.Conv2D(4, size, activation="relu")(values)
    flat = keras.Model(inputs, ending(values, "softmax"))
    flat.set_weights(nested.model.get_weights())
    return Network(flat, value_range=(0, 1))


@pytest.mark.parametrize("rule", RULES)
def test_nested_is_as_flat(rule, opened, image):
    kind, nested = opened("nested_twice")
    found, *_ = shared_out(nested, image(kind), rule=rule)
    expected, *_ = shared_out(flat_of(nested), image(kind), rule=rule)
    assert far_apart(found, expected) < 1e-6


@cache
def with_and_without_rescaling():
    body = KINDS["functional"].build(head=None)
    inputs = keras.Input((12, 12, 3))
    model = keras.Model(inputs, body(layers.Rescaling(1 / 50, offset=-1)(inputs)))
    return Network(model, value_range=(0, 100)), Network(body, value_range=(-1, 1))


@pytest.mark.parametrize("rule", RULES)
def test_rescaled_pixels_are_only_another_way_to_write_them(rule):
    rescaling, body = with_and_without_rescaling()
    image = 100 * noise(12, 12, 3)
    found, *_ = shared_out(rescaling, image, rule=rule)
    expected, *_ = shared_out(body, image / 50 - 1, rule=rule)
    assert far_apart(found, expected) < 1e-5


@pytest.mark.parametrize("rule", RULES)
def test_half_precision_stays_close_to_single(rule, small, opened, image):
    kind, half = opened("mixed_float16")  # the weights are those of `small`
    found, *_ = shared_out(half, image(kind), rule=rule)
    expected, *_ = shared_out(small, image(kind), rule=rule)
    assert far_apart(found, expected) < 1e-2


# ---- Targets, batches, tracing


def test_a_channel_and_a_unit_of_it_share_out_their_values(network_with):
    network, image = network_with("skip"), noise(8, 8, 3)
    path = next(info.path for info in network.layers if info.kind == "Add")
    values = network.activations(image, path)[..., 2]
    for target, value in [(Target(path, 2), values.mean()), (Target(path, 2, (3, 4)), values[3, 4])]:
        found, score, _ = shared_out(network, image, target, rule="z-plus")
        assert score == pytest.approx(value, abs=1e-6)
        assert found.sum() == pytest.approx(value, abs=1e-5)
    assert not found[:1].any()  # too far from (3, 4) to have a part in it
    assert found[3, 4].any()


@pytest.mark.parametrize("rule", RULES)
def test_each_image_of_a_batch_is_as_if_it_were_alone(rule, small):
    batch = noise(3, 12, 12, 3)
    together = shared_out(small, batch, rule=rule, epsilon=0.1)
    for number, image in enumerate(batch):
        for one, all_of_them in zip(shared_out(small, image, rule=rule, epsilon=0.1), together, strict=True):
            assert one == pytest.approx(all_of_them[number], abs=1e-5)


def test_another_class_or_setting_traces_nothing_again(small):
    kept = small.engine.functions.store
    shared_out(small, noise(12, 12, 3), rule="gamma")
    before = dict(kept)
    for target, gamma in [(1, 0.25), (2, 0.5)]:
        shared_out(small, noise(12, 12, 3), target, rule="gamma", gamma=gamma)
    assert dict(kept) == before


def test_the_model_is_left_as_it_was(image):
    network = Network(KINDS["skip_and_concat"].build(), value_range=(0, 1))
    weights, before = network.model.get_weights(), network.logits(noise(12, 12, 3))
    shared_out(network, noise(12, 12, 3), rule="composite")
    assert all(np.array_equal(new, old) for new, old in zip(network.model.get_weights(), weights, strict=True))
    assert np.array_equal(network.logits(noise(12, 12, 3)), before)


# ---- Refusals


def squeeze_and_excite(values):
    gate = layers.Dense(4, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(values))
    return layers.Multiply(name="gate")([values, gate])


REFUSED = {
    "Sigmoid": layers.Activation("sigmoid", name="gate"),
    "Softplus": layers.Activation("softplus", name="gate"),
    "Softmax": layers.Softmax(name="gate"),
    "Mul": squeeze_and_excite,
    "RealDiv": layers.Lambda(lambda values: 1 / (1 + values), name="gate"),
    "Rsqrt": layers.Lambda(lambda values: tf.math.rsqrt(1 + values), name="gate"),
    "Maximum": layers.Lambda(lambda values: tf.maximum(values, 0.5), name="gate"),
    "FusedBatchNormV3": layers.Lambda(
        lambda v: (
            tf.raw_ops.FusedBatchNormV3(
                x=v, scale=tf.ones(4), offset=tf.zeros(4), mean=tf.zeros(0), variance=tf.zeros(0), is_training=True
            ).y
        ),
        name="gate",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_rule_is_refused_with_its_layer(kind):
    network = without_biases(REFUSED[kind])
    with pytest.raises(
        ValueError, match=rf"^Relevance can pass .* not .* Received: .*{kind} in layer 'gate'\.$"
    ) as refusal:
        shared_out(network, noise(8, 8, 3), rule="z-plus")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("name", "layer"), [("gelu", "conv2"), ("swish", "conv2")])
def test_smooth_gates_are_refused(name, layer, opened, image):
    kind, network = opened(name)
    with pytest.raises(
        ValueError, match=rf"as in gates, swish or gelu. Received: {name}, with Mul in layer '{layer}'\.$"
    ):
        shared_out(network, image(kind), rule="epsilon")


def test_a_hidden_softmax_is_refused(opened, image):
    kind, network = opened("softmax_by_hand")
    with pytest.raises(ValueError, match="not a softmax that the model hides. Received: softmax_by_hand"):
        shared_out(network, image(kind), rule="epsilon")
