"""pytorch-grad-cam's map, in its environment: laid over the image and stretched to 0..1, as it comes.

It needs something that asks for a gradient. That is the image here: with the weights it would take longer.
"""

from importlib.metadata import version

from serve import serve, settings


def prepare(folder):
    import torch
    from lite0_in_torch import opened
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model, image = opened(folder)
    image.requires_grad_()
    targets = [ClassifierOutputTarget(settings(folder)["target"])]
    cam = GradCAM(model=model, target_layers=[model.head_activation])
    return {"grad-cam": version("grad-cam"), "torch": torch.__version__}, {
        "logits": lambda: model(image).detach().numpy()[0],
        "grad_cam": lambda: cam(input_tensor=image, targets=targets)[0],
    }


if __name__ == "__main__":
    serve(prepare)
