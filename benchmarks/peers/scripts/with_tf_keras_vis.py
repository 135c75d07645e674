"""tf-keras-vis' maps, in xplique's environment, of the Keras model as it was saved."""

import os
from importlib.metadata import version

from serve import serve, settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def prepare(folder):
    import keras
    import numpy as np
    from tf_keras_vis.activation_maximization import ActivationMaximization
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.scores import CategoricalScore

    saved = keras.models.load_model(f"{folder}/network.keras")
    model = keras.Model(saved.input, saved.get_layer("logits").output)
    chosen = settings(folder)
    image, score = np.load(f"{folder}/image.npy")[np.newaxis], CategoricalScore(chosen["target"])
    saliency, cam, ascent = Saliency(model), Gradcam(model), ActivationMaximization(model)
    layer = {"penultimate_layer": "head_activation", "seek_penultimate_conv_layer": False}
    plain = {"normalize_map": False, "keepdims": True, "gradient_modifier": None}
    noise = {"smooth_samples": chosen["samples"], "smooth_noise": chosen["noise"] / np.ptp(image)}

    versions = {name: version(name) for name in ("tf-keras-vis", "tensorflow", "keras")}
    return versions, {
        "logits": lambda: model(image).numpy()[0],
        "gradient": lambda: np.asarray(saliency(score, image, **plain))[0],
        "smooth_grad": lambda: np.asarray(saliency(score, image, **plain, **noise))[0],
        "grad_cam": lambda: np.asarray(cam(score, image, expand_cam=False, normalize_cam=False, **layer))[0],
        "maximal_activation": lambda: np.asarray(ascent(score, steps=chosen["ascent"], input_range=(0.0, 255.0)))[0],
    }


if __name__ == "__main__":
    serve(prepare)
