"""xplique's maps, in its environment, of the Keras model as it was saved."""

import os
from importlib.metadata import version

from serve import serve, settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def prepare(folder):
    import keras
    import numpy as np
    import xplique.attributions as attributions

    saved = keras.models.load_model(f"{folder}/network.keras")
    model = keras.Model(saved.input, saved.get_layer("logits").output)
    chosen = settings(folder)
    image = np.load(f"{folder}/image.npy")[np.newaxis]
    target = np.eye(model.output_shape[-1], dtype=np.float32)[chosen["target"]][np.newaxis]
    covering = {"patch_size": chosen["window"], "patch_stride": chosen["stride"], "occlusion_value": chosen["grey"]}
    path = {"steps": chosen["steps"], "baseline_value": chosen["grey"]}
    explainers = {
        "gradient": attributions.Saliency(model, reducer="max"),
        "smooth_grad": attributions.SmoothGrad(model, nb_samples=chosen["samples"], noise=chosen["noise"]),
        "integrated_gradients": attributions.IntegratedGradients(model, reducer="sum", **path),
        "grad_cam": attributions.GradCAM(model, conv_layer="head_activation"),
        "occlusion": attributions.Occlusion(model, **covering),
    }

    def explained(explainer):
        return lambda: explainer.explain(image, target).numpy()[0, ..., 0]

    versions = {name: version(name) for name in ("xplique", "tensorflow", "keras")}
    tasks = {name: explained(explainer) for name, explainer in explainers.items()}
    return versions, {"logits": lambda: model(image).numpy()[0], **tasks}


if __name__ == "__main__":
    serve(prepare)
