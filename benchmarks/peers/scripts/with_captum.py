"""captum's maps, in its environment."""

from serve import serve, settings


def prepare(folder):
    import captum
    import torch
    from captum import attr
    from lite0_in_torch import opened

    model, image = opened(folder)
    chosen = settings(folder)
    target, window, stride, grey = (chosen[name] for name in ("target", "window", "stride", "grey"))
    saliency, noisy = attr.Saliency(model), attr.NoiseTunnel(attr.Saliency(model))
    path, cam = attr.IntegratedGradients(model), attr.LayerGradCam(model, model.head_activation)
    covering = attr.Occlusion(model)

    def fresh():
        return image.clone().requires_grad_()

    def channels_last(array):
        return array.detach().numpy()[0].transpose(1, 2, 0)

    def smooth_grad():
        many = {"nt_samples": chosen["samples"], "nt_samples_batch_size": chosen["batch"], "stdevs": chosen["noise"]}
        return noisy.attribute(fresh(), **many, target=target, abs=False)

    def integrated_gradients():
        many = {"n_steps": chosen["steps"], "internal_batch_size": chosen["batch"], "method": "gausslegendre"}
        return path.attribute(fresh(), baselines=grey, target=target, **many)

    def occlusion():
        windows = {"sliding_window_shapes": (3, window, window), "strides": (3, stride, stride)}
        return covering.attribute(
            image, **windows, baselines=grey, target=target, perturbations_per_eval=chosen["batch"]
        )

    return {"captum": captum.__version__, "torch": torch.__version__}, {
        "logits": lambda: model(image).numpy()[0],
        "gradient": lambda: channels_last(saliency.attribute(fresh(), target=target, abs=False)),
        "smooth_grad": lambda: channels_last(smooth_grad()),
        "integrated_gradients": lambda: channels_last(integrated_gradients()),
        "grad_cam": lambda: cam.attribute(fresh(), target, relu_attributions=True).detach().numpy()[0, 0],
        "occlusion": lambda: channels_last(occlusion())[..., 0],
    }


if __name__ == "__main__":
    serve(prepare)
