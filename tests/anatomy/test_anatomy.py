"""Parameters, multiply-adds, connections and groups, against numbers worked out by hand and those of the papers."""

from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from kinds import KINDS, each_kind

from cnnviz_widgets.anatomy.anatomy import Group, anatomy
from cnnviz_widgets.network import Network


def anatomy_of(*stack, shape=(12, 10, 3)):
    image = keras.Input(shape)
    values = image
    for layer in stack:
        values = layer(values)
    return anatomy(Network(keras.Model(image, values)))


def connections(name, opened):
    return {facts.path: facts.inputs for facts in anatomy(opened(name)[1]).layers}


# ---- Multiply-adds


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv2D(5, (3, 2)), 10 * 9 * 5 * 3 * 2 * 3),
        (layers.Conv2D(5, 3, strides=2, padding="same"), 6 * 5 * 5 * 9 * 3),
        (layers.Conv2D(6, 3, groups=3), 10 * 8 * 6 * 9 * 1),
        (layers.Conv2D(5, 3, dilation_rate=2), 8 * 6 * 5 * 9 * 3),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), 10 * 8 * 6 * 9),
        (layers.SeparableConv2D(5, 3), 10 * 8 * (3 * 9 + 5 * 3)),
        (layers.Conv2DTranspose(5, 4, strides=2), 12 * 10 * 3 * 16 * 5),
        (layers.Dense(7), 12 * 10 * 3 * 7),
        (layers.EinsumDense("bhwc,cd->bhwd", (None, None, 7)), 12 * 10 * 3 * 7),
        (layers.MaxPooling2D(3), 0),
        (layers.BatchNormalization(), 0),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_multiply_adds_of_a_layer(layer, expected):
    made = anatomy_of(layer)
    assert made.layers[0].multiply_adds == expected
    assert made.multiply_adds == expected


def test_multiply_adds_of_a_dense_layer_after_a_flatten():
    assert anatomy_of(layers.Flatten(), layers.Dense(7)).layers[1].multiply_adds == 12 * 10 * 3 * 7


def test_a_layer_used_twice_has_its_weights_once_and_computes_twice(opened):
    made = anatomy(opened("shared_layer")[1])
    first, second = made.layers[:2]
    assert (first.path, second.path) == ("shared", "shared@2")
    assert first.multiply_adds == second.multiply_adds == 12 * 12 * 3 * 9 * 3
    dense = 3 * 5 + 5
    assert made.parameters == (9 * 3 * 3 + 3) + dense
    assert made.multiply_adds == 2 * first.multiply_adds + 3 * 5


def test_raw_operations_between_layers_count_for_the_layer_after_them():
    raw = layers.Lambda(lambda values: tf.nn.conv2d(values, tf.ones((3, 3, 3, 2)), 1, "VALID"), name="raw")
    made = anatomy_of(layers.Conv2D(3, 1), raw)
    assert made.layer("raw").multiply_adds == 10 * 8 * 2 * 9 * 3


def test_what_runs_outside_any_layer_counts_for_the_network(opened):
    made = anatomy(opened("model_that_is_a_tf_function")[1])
    assert made.layers == ()
    assert made.multiply_adds == anatomy(opened("subclassed")[1]).multiply_adds > 0


def test_where_the_size_depends_on_the_image_multiply_adds_are_not_told(opened):
    made = anatomy(opened("any_size")[1])
    assert made.multiply_adds is None
    assert {facts.multiply_adds for facts in made.layers} == {None}


def test_work_hidden_in_a_loop_is_not_told():
    def looped(values):
        return tf.while_loop(lambda _: True, lambda values: (values * 2,), (values,), maximum_iterations=3)[0]

    loop = layers.Lambda(looped, name="loop", output_shape=lambda shape: shape)
    made = anatomy_of(layers.Conv2D(2, 3, name="before"), loop)
    assert made.layer("before").multiply_adds == 10 * 8 * 2 * 27
    assert made.layer("loop").multiply_adds is None
    assert made.multiply_adds is None


# ---- Parameters


@each_kind()
def test_parameters_sum_up_to_what_keras_counts(name, opened):
    network = opened(name)[1]
    made = anatomy(network)
    assert made.parameters == network.model.count_params()
    for facts in (*made.layers, *made.containers):
        assert facts.trainable + facts.fixed == facts.info.parameters


def test_freezing_a_layer_makes_its_parameters_fixed():
    convolution = layers.Conv2D(2, 3, name="conv")
    image = keras.Input((12, 10, 3))
    network = Network(keras.Model(image, layers.BatchNormalization(name="norm")(convolution(image))))
    before = anatomy(network)
    assert (before.trainable, before.fixed) == (56 + 4, 4)
    assert (before.layer("norm").trainable, before.layer("norm").fixed) == (4, 4)
    convolution.trainable = False
    after = anatomy(network)
    assert (after.trainable, after.fixed) == (4, 56 + 4)
    assert (after.layer("conv").trainable, after.layer("conv").fixed) == (0, 56)


def test_it_is_remembered(opened):
    network = opened("functional")[1]
    assert anatomy(network) is anatomy(network)


# ---- Settings


def test_the_settings_of_a_layer_are_told():
    stack = [
        layers.ZeroPadding2D(((1, 0), (2, 3)), name="pad"),
        layers.Conv2D(6, (3, 2), strides=2, padding="same", groups=3, activation="relu", name="conv"),
        layers.MaxPooling2D(2, name="pool"),
        layers.Flatten(name="flatten"),
    ]
    pad, conv, pool, flatten = anatomy_of(*stack).layers
    assert pad.padding == "1, 0, 2, 3"
    assert (conv.kernel, conv.stride, conv.dilation, conv.padding) == ((3, 2), (2, 2), (1, 1), "same")
    assert (conv.groups, conv.activation) == (3, "relu")
    assert (pool.kernel, pool.stride, pool.padding, pool.activation) == ((2, 2), (2, 2), "valid", None)
    assert (flatten.kernel, flatten.stride, flatten.padding) == (None, None, None)
    assert conv.field.size == (3, 2)


# ---- What feeds which


def test_branches_come_together(opened):
    found = connections("skip_and_concat", opened)
    assert found["stem"] == ("",)
    assert found["conv1"] == ("stem",)
    add, joined = (next(path for path in found if path.startswith(name)) for name in ("add", "concatenate"))
    assert found[add] == ("stem", "conv1")
    assert found[joined][:2] == ("", add)
    assert len(found[joined]) == 3


def test_connections_go_through_nested_models(opened):
    found = connections("nested_in_functional", opened)
    assert found["base/conv"] == ("",)
    assert found["top/conv"] == ("base/last",)
    containers = {facts.path: facts.inputs for facts in anatomy(opened("nested_in_functional")[1]).containers}
    assert containers == {"base": ("",), "top": ("base/last",)}


def test_raw_operations_pass_through(opened):
    found = connections("subclassed_block", opened)
    assert found["block/b"] == ("block/a",)
    assert list(found.values()).count(("block/b",)) == 1


def test_a_layer_that_hands_on_its_input_stands_in_line():
    convolution, drop, last = anatomy_of(layers.Conv2D(2, 3), layers.Dropout(0.5), layers.Conv2D(2, 3)).layers
    assert drop.inputs == (convolution.path,)
    assert last.inputs == (drop.path,)


def test_the_first_layer_may_hand_on_the_image():
    drop, convolution = anatomy_of(layers.Dropout(0.5), layers.Conv2D(2, 3)).layers
    assert (drop.inputs, convolution.inputs) == (("",), (drop.path,))


@each_kind()
def test_every_layer_takes_something_that_ran_before_it(name, opened):
    before, aside = {""}, set(KINDS[name].aside)
    for path, inputs in connections(name, opened).items():
        assert inputs or path in aside
        assert path not in aside or aside.issuperset(inputs)
        assert before.issuperset(inputs)
        before.add(path)


# ---- Nested models


def test_nested_models_are_groups(opened):
    made = anatomy(opened("nested_twice")[1])
    outer = made.groups[0]
    base = Group("outer/base", "base", ("outer/base/conv", "outer/base/last"))
    assert outer == Group("outer", "outer", (base, "outer/conv"))
    assert outer.layers == ("outer/base/conv", "outer/base/last", "outer/conv")
    facts = made.layer("outer")
    assert facts.multiply_adds == sum(made.layer(path).multiply_adds for path in outer.layers)


def test_a_nested_model_used_twice_is_two_groups():
    inner = keras.Sequential([keras.Input((8, 8, 2)), layers.Conv2D(2, 3, padding="same", name="conv")], name="inner")
    made = anatomy_of(inner, inner, shape=(8, 8, 2))
    assert made.groups == (Group("inner", "inner", ("inner/conv",)), Group("inner@2", "inner@2", ("inner/conv@2",)))
    assert made.layer("inner").multiply_adds == made.layer("inner@2").multiply_adds == 64 * 2 * 9 * 2
    assert made.parameters == 2 * 9 * 2 + 2


# ---- The networks that people use


@cache
def application(name):
    return anatomy(Network(getattr(keras.applications, name)(weights=None)))


@pytest.fixture(scope="module")
def lite0():
    from cnnviz_widgets.networks.efficientnet_lite0 import architecture

    return anatomy(Network(architecture()))


# He et al. 2015, table 1: 3.8 billion multiply-adds. Szegedy et al. 2015, "Rethinking": 5 billion for nearly this one;
# 5.7 is what counting its layers gives. The fields are those of Araujo et al. 2019.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "billions", "parameters", "field", "stride"),
    [("ResNet50", 3.858, 25_636_712, 483, 32), ("InceptionV3", 5.713, 23_851_784, 1311, 32)],
)
def test_numbers_of_networks_that_are_published(name, billions, parameters, field, stride):
    made = application(name)
    assert made.multiply_adds / 1e9 == pytest.approx(billions, abs=5e-4)
    assert made.parameters == parameters
    last = [facts for facts in made.layers if facts.info.spatial][-1]
    assert (last.field.size, last.field.stride) == ((field, field), (stride, stride))


def test_numbers_of_efficientnet_lite0(lite0):
    assert lite0.multiply_adds / 1e9 == pytest.approx(0.385, abs=5e-4)
    last = [facts for facts in lite0.layers if facts.info.spatial][-1]
    # Depthwise kernels, one a block, each adding kernel - 1 times the stride in front of it to the stem's 3.
    kernels = [3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3]
    strides = [2, 2, 4, 4, 8, 8, 16, 16, 16, 16, 16, 16, 32, 32, 32, 32]
    size = 3 + sum((kernel - 1) * stride for kernel, stride in zip(kernels, strides, strict=True))
    assert last.field.size == (size, size) == (851, 851)


@pytest.mark.slow
def test_the_field_of_resnet50_by_formula():
    # 3x3 convolutions, 16 of them, at the strides of their stages; the strided ones shrink in the 1x1 before.
    inner = sum(2 * blocks * stride for blocks, stride in ((3, 4), (4, 8), (6, 16), (3, 32)))
    assert 7 + 2 * 2 + inner == application("ResNet50").layer("conv5_block3_out").field.size[0]


# ---- Groups of large networks


def check_tree(made):
    """Every layer is in the tree once; groups have names of their own; what a group feeds does not feed it back."""
    paths = [facts.path for facts in made.layers]
    found, names = [], set()

    def walk(members):
        place = {}
        for n, member in enumerate(members):
            if isinstance(member, Group):
                assert member.path not in names
                names.add(member.path)
                assert member.members
                place.update(dict.fromkeys(member.layers, n))
                walk(member.members)
            else:
                found.append(member)
                place[member] = n
        edges = {
            (place[source], n) for path, n in place.items() for source in made.layer(path).inputs if source in place
        }
        assert all(before <= after for before, after in edges)

    walk(made.members)
    assert sorted(found) == sorted(paths)
    assert not names & set(paths)


def titles(members):
    return [member.title if isinstance(member, Group) else member for member in members]


def sizes(members):
    for member in members:
        if isinstance(member, Group):
            yield len(member.members)
            yield from sizes(member.members)


def test_a_small_network_has_no_groups():
    from cnnviz_widgets.networks.digits import architecture

    made = anatomy(Network(architecture()))
    assert made.members == tuple(facts.path for facts in made.layers)


def test_blocks_of_efficientnet_lite0(lite0):
    check_tree(lite0)
    blocks = [f"block{n}" for n in range(16)]
    assert titles(lite0.members) == ["input_scaling", "stem", *blocks, "head", "pooling", "logits", "probabilities"]
    assert max(sizes(lite0.members)) <= 9


@pytest.mark.slow
def test_blocks_of_resnet50():
    made = application("ResNet50")
    check_tree(made)
    blocks = [f"conv{stage}_block{n + 1}" for stage, count in ((2, 3), (3, 4), (4, 6), (5, 3)) for n in range(count)]
    assert titles(made.members) == ["conv1", "pool1", *blocks, "avg_pool", "predictions"]
    assert max(sizes(made.members)) <= 12


@pytest.mark.slow
def test_blocks_of_inceptionv3():
    made = application("InceptionV3")
    check_tree(made)
    assert len(made.members) == 20
    assert [title for title in titles(made.members) if "mixed" in title] == [f"mixed{n}" for n in range(11)]
    assert max(sizes(made.members)) <= 20
    first = next(member for member in made.members if isinstance(member, Group))
    assert [made.layer(path).info.kind for path in first.members] == ["Conv2D", "BatchNormalization", "Activation"]


def unnamed_blocks(count, joined):
    """A network of residual blocks whose layers have only the names that Keras gives; with `joined`, a long skip."""
    image = keras.Input((16, 16, 4))
    values = start = layers.Conv2D(4, 3, padding="same")(image)
    for _ in range(count):
        side = values
        for _ in range(2):
            side = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", use_bias=False)(side))
            side = layers.ReLU()(side)
        values = layers.Add()([values, side])
    values = layers.Concatenate()([start, values]) if joined else values
    return anatomy(Network(keras.Model(image, layers.GlobalAveragePooling2D()(values))))


def test_blocks_without_names_are_called_as_their_merges():
    made = unnamed_blocks(5, joined=False)
    check_tree(made)
    merges = [facts.path for facts in made.layers if facts.info.kind == "Add"]
    assert [group.title for group in made.groups] == merges
    assert {len(group.members) for group in made.groups} == {7}


def test_a_long_skip_does_not_put_the_whole_network_into_one_group():
    made = unnamed_blocks(8, joined=True)
    check_tree(made)
    assert len(made.members) == 1 + 8 * 3 + 2  # each convolution with what follows it is one
    assert {len(group.members) for group in made.groups} == {3}


@pytest.mark.slow
def test_a_nested_base_is_grouped_inside():
    base = keras.applications.MobileNetV2((64, 64, 3), include_top=False, weights=None, alpha=0.35)
    made = anatomy_of(base, layers.GlobalAveragePooling2D(), layers.Dense(3), shape=(64, 64, 3))
    check_tree(made)
    assert titles(made.members)[0] == base.name
    inside = made.groups[0].members
    assert [f"block_{n}" for n in range(1, 17)] == [title for title in titles(inside) if title.startswith("block_")]
    assert np.all([group.path.startswith(f"{base.name}/") for group in inside if isinstance(group, Group)])


@each_kind()
def test_every_kind_of_model_has_a_tree(name, opened):
    made = anatomy(opened(name)[1])
    check_tree(made)
