"""Which parameters learn, and at which rate: `make_optimizer(model, recipe)`."""

import torch
from torch import Tensor, nn

from segcourse.training.recipes import Recipe

TRUNK = "features."      # the layers that a backbone file fills


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict]:
    """The parameters that learn, by rate and decay: biases and norms apart from weights, trunk and head apart from the rest.

    The head is what `model.head` names, beginnings of parameter names; with DeepLab's values (head_lr 10, bias_lr 2, biases without decay)
    its weights learn ten times and its biases twenty times as fast as the rest.
    """
    head = tuple(getattr(model, "head", ()))
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        flat = parameter.ndim < 2
        rate = recipe.lr * (recipe.bias_lr if flat else 1.0)
        rate *= recipe.trunk_lr if name.startswith(TRUNK) else recipe.head_lr if head and name.startswith(head) else 1.0
        decay = recipe.weight_decay if not flat or recipe.decay_bias else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": members, "lr": rate, "rate": rate, "weight_decay": decay} for (rate, decay), members in groups.items()]


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser; every group carries its full rate as "rate", which the schedule multiplies.

    Not PyTorch's one-kernel ("fused") version: it refuses a gradient whose order in memory is not its weight's, as those of 1x1 convolutions can be
    (pytorch/pytorch, issues 106951 and 126585), and gradients that are clipped under float16's loss scale.
    """
    groups = parameter_groups(model, recipe)
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum)
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=(recipe.momentum, 0.999))
