"""A real Dask cluster of two workers on this machine: nothing lost, nothing twice, also when a worker is killed."""

import os
import pickle
import signal
import time

import keras
import numpy as np
import pytest
from keras import layers

import cnnviz_widgets as cnnviz
from cnnviz_widgets.batch import cluster as over_dask
from cnnviz_widgets.batch import compute_many
from cnnviz_widgets.batch.work import BatchItem
from cnnviz_widgets.core.failures import Refusal
from cnnviz_widgets.network import Network
from cnnviz_widgets.networks import load
from cnnviz_widgets.request import compute

pytestmark = pytest.mark.slow

distributed = pytest.importorskip("distributed", reason='pip install ".[dask]" brings it')

# A method that takes long enough for a worker to be killed in the middle of it.
SLOW = cnnviz.Occlusion(window=6, stride=1)


@pytest.fixture(scope="module")
def client():
    workers = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        distributed.LocalCluster(host="127.0.0.1", dashboard_address=None, **workers) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def network():
    return load("digits")


def assert_each_once(answers, method, network, images):
    assert len(answers) == len(images)
    for answer, image in zip(answers, images, strict=True):
        wanted = compute(method, network, image)
        assert answer.request == wanted.request
        assert np.array_equal(answer.array, wanted.array)
        assert answer.notes == wanted.notes


def test_the_results_are_those_of_compute_in_the_order_of_the_images(client, network):
    images = [*network.samples[:12], "missing.png", *network.samples[12:24]]
    answers = list(compute_many(cnnviz.GradCAM(), network, images, client=client))
    refusal = answers.pop(12)
    assert isinstance(refusal, Refusal)
    assert refusal.asked == "missing.png"
    assert_each_once(answers, cnnviz.GradCAM(), network, network.samples[:24])


def test_both_workers_work_and_each_opens_the_network_once(client, network):
    client.run(_forget_and_count)
    list(compute_many(SLOW, network, network.samples[:16], client=client))
    list(compute_many(SLOW, load("digits"), network.samples[16:32], client=client))  # an equal one
    assert sorted(client.run(_openings).values()) == [1, 1]


def test_what_a_killed_worker_had_to_do_is_done_by_others(client, network):
    images = network.samples[:30]
    workers = client.run(os.getpid)
    answers = []
    for answer in compute_many(SLOW, network, images, client=client):
        answers.append(answer)
        if len(answers) == 4:
            os.kill(next(iter(workers.values())), signal.SIGKILL)
    assert_each_once(answers, SLOW, network, images)
    client.wait_for_workers(2, timeout=60)
    assert set(client.run(os.getpid).values()) != set(workers.values())  # it was killed


def test_who_leaves_early_leaves_nothing_behind(client, network):
    results = compute_many(SLOW, network, network.samples, client=client)
    next(results)
    results.close()
    until = time.monotonic() + 60
    while left := client.run_on_scheduler(_tasks_of_ours):
        assert time.monotonic() < until, left


def test_a_function_of_a_notebook_may_prepare_the_images(client, network):
    turned = Network(network.model, preprocess=lambda images: 255 - images, name="turned")
    (answer,) = compute_many(cnnviz.Gradient(), turned, network.samples[:1], client=client)
    assert_each_once([answer], cnnviz.Gradient(), turned, network.samples[:1])


def test_an_image_that_kills_every_worker_is_refused_and_the_others_are_not(network):
    killed = distributed.KilledWorker("task", type("Worker", (), {"address": "tcp://127.0.0.1:1"})(), 3)
    item = BatchItem("a.png", None, network.samples[0])
    task = type("Task", (), {"result": lambda task: (_ for _ in ()).throw(killed)})()
    assert over_dask._finished(item, task, 0)[1].startswith("Each worker that tried this image died")


class OnlyHere(layers.Layer):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("model", "error", "sentence"),
    [
        (lambda: [layers.Lambda(lambda x: x)], TypeError, r"must hold no Python code"),
        (lambda: [OnlyHere()], RuntimeError, r"must be one that Keras can write and read"),
    ],
)
def test_a_network_that_cannot_travel_is_refused_once(client, model, error, sentence):
    inside = [keras.Input((8, 8, 1)), layers.Conv2D(2, 3), *model(), layers.Flatten(), layers.Dense(2)]
    results = compute_many(cnnviz.Gradient(), Network(keras.Sequential(inside)), np.zeros((3, 8, 8, 1)), client=client)
    with pytest.raises(error, match=sentence):
        next(results)


def test_what_is_no_client_is_refused(network):
    with pytest.raises(TypeError, match=r"client must be a distributed\.Client.*Received: 'tcp://"):
        list(compute_many(cnnviz.Gradient(), network, network.samples[:1], client="tcp://127.0.0.1:8786"))


def _tasks_of_ours(dask_scheduler):
    return [key for key in dask_scheduler.tasks if key.startswith("cnnviz-")]


def _forget_and_count():
    """In a worker: close all networks, and count from now on how often one is unpacked."""
    from cnnviz_widgets.batch import cluster

    cluster._open.clear()
    cluster.unpacked = 0

    class Counting:
        @staticmethod
        def loads(data):
            cluster.unpacked += 1
            return pickle.loads(data)

    cluster.pickle = Counting


def _openings():
    from cnnviz_widgets.batch import cluster

    return cluster.unpacked
