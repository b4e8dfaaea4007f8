"""Any backbone of timm, by name, behind the same interface as our own networks."""

from difflib import get_close_matches
from functools import cache
from typing import Any, Final

import timm
import torch
from timm.models import group_parameters
from torch import Tensor, nn

from fer_core.errors import ConfigError
from fer_core.models.architecture import TIMM_PREFIX, Architecture, require
from fer_core.models.base import FerModel

EMBEDDING_DIM: Final[int] = 128
"""Embedding layer of a timm backbone unless another size is asked for."""
_STEP_PX: Final[int] = 32
"""Nearly every backbone takes multiples of its total stride, which is this."""


def describe_backbone(name: str) -> Architecture:
    """The architecture of the timm backbone called `name`, such as `swin_base_patch4_window7_224`.

    Raises:
        ConfigError: timm has none of that name.
    """
    if not timm.is_model(name):
        near = get_close_matches(name, timm.list_models(), n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(TIMM_PREFIX + item for item in near)}?" if near else ""
        raise ConfigError(f"timm has no backbone {name!r}.{hint} timm.list_models() names all of them")

    def build(
        *,
        num_classes: int,
        in_channels: int,
        input_size: tuple[int, int],
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> FerModel:
        return TimmBackbone(
            name,
            num_classes=num_classes,
            in_channels=in_channels,
            input_size=input_size,
            dropout=dropout,
            drop_path=drop_path,
        )

    base, _, tag = name.partition(".")
    tags = [item.partition(".")[2] for item in timm.list_pretrained(f"{base}.*")]
    if tag and tag not in tags:
        raise ConfigError(f"timm/{base} has no weights {tag!r}; known: {', '.join(tags) or 'none'}")
    config = timm.get_pretrained_cfg(name)
    _, height, width = config.input_size if config else (3, 224, 224)
    return Architecture(
        build=build,
        summary=f"{name} of PyTorch Image Models",
        reference=(config.paper_name or "" if config else "") or f"timm {timm.__version__}",
        input_size=(height, width),
        embedding_dim=EMBEDDING_DIM,
    )


class TimmBackbone(FerModel):
    """A backbone of PyTorch Image Models (Wightman, 2019) with our head."""

    def __init__(
        self,
        name: str,
        *,
        num_classes: int,
        in_channels: int,
        input_size: tuple[int, int],
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        """Make the backbone with random weights for images of `input_size` (rows, columns).

        Args:
            name: as timm knows it.
            num_classes: number of logits.
            in_channels: 1 or 3.
            input_size: rows and columns; passed on to backbones that are made for one size.
            dropout: chance of dropping an embedding value, 0 to less than 1.
            drop_path: stochastic depth, for backbones that have it.

        Raises:
            ConfigError: an argument is out of range, or the backbone can't take that size.
        """
        require(0 <= dropout < 1, "dropout", dropout, "0 to less than 1")
        require(0 <= drop_path < 1, "drop_path", drop_path, "0 to less than 1")
        options = find_size_options(name, in_channels, input_size)
        if drop_path:
            options = {**options, "drop_path_rate": drop_path}
        try:
            backbone = timm.create_model(name, num_classes=0, in_chans=in_channels, **options)
        except TypeError as cause:
            raise ConfigError(
                f"model.arguments.drop_path is {drop_path}; {name} has no stochastic depth: 0"
            ) from cause
        with torch.device("meta"):
            probe = _build_on_meta(name, in_channels, options)
            features = probe.forward_features(torch.empty(1, in_channels, *input_size))
            feature_dim = probe.forward_head(features, pre_logits=True).shape[1]
        super().__init__(feature_dim=feature_dim, num_classes=num_classes, dropout=dropout)
        self.name, self.in_channels, self.options = name, in_channels, options
        self.backbone: Any = backbone

    def forward_features(self, x: Tensor) -> Tensor:
        """Features as the backbone lays them out: a map, a map with channels last, tokens, or a list."""
        features: Tensor = self.backbone.forward_features(x)
        return features

    def to_spatial_map(self, features: Tensor) -> Tensor | None:
        """Bring the features into N x F x h x w; class and register tokens are left out."""
        if not isinstance(features, Tensor):  # several scales at once, as in CrossViT
            return None
        if features.ndim == 4:
            is_last = getattr(self.backbone, "output_fmt", "NCHW") == "NHWC"
            return features.permute(0, 3, 1, 2) if is_last else features
        grid = getattr(getattr(self.backbone, "patch_embed", None), "grid_size", None)
        tokens = features[:, getattr(self.backbone, "num_prefix_tokens", 0) :].transpose(1, 2)
        if grid is None or grid[0] * grid[1] != tokens.shape[2]:
            return None
        return tokens.reshape(tokens.shape[0], tokens.shape[1], grid[0], grid[1])

    def pool(self, features: Tensor) -> Tensor:
        """Pool as the backbone does before its own classifier."""
        pooled: Tensor = self.backbone.forward_head(features, pre_logits=True)
        return pooled

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """All parameters in the groups that timm uses for layer decay, then the head."""
        if not hasattr(self.backbone, "group_matcher"):
            return super().layer_groups()
        depth_of = group_parameters(self.backbone, self.backbone.group_matcher(coarse=False), reverse=True)
        parameters = dict(self.backbone.named_parameters())
        by_depth: dict[int, list[nn.Parameter]] = {}
        for name, depth in depth_of.items():
            by_depth.setdefault(depth, []).append(parameters[name])
        known = {id(item) for group in by_depth.values() for item in group}
        head = [item for item in self.parameters() if id(item) not in known]
        return [by_depth[depth] for depth in sorted(by_depth)] + [head]


def _build_on_meta(name: str, in_channels: int, options: dict[str, Any]) -> Any:
    """The backbone without memory or values: enough to learn shapes."""
    with torch.device("meta"):
        return timm.create_model(name, num_classes=0, in_chans=in_channels, **options).eval()


@cache
def _describe_size_problem(name: str, in_channels: int, size: tuple[int, int], pass_size: bool) -> str | None:
    """Why the backbone can't take images of `size`, or None if it can."""
    options: dict[str, Any] = {"img_size": size} if pass_size else {}
    try:
        backbone = _build_on_meta(name, in_channels, options)
        with torch.device("meta"), torch.no_grad():
            features = backbone.forward_features(torch.empty(1, in_channels, *size))
            backbone.forward_head(features, pre_logits=True)
    # timm has no exception of its own: shape errors come as any of these.
    except (AssertionError, RuntimeError, ValueError, TypeError, IndexError, ZeroDivisionError) as cause:
        return str(cause).splitlines()[0] if str(cause) else type(cause).__name__
    return None


def find_size_options(name: str, in_channels: int, size: tuple[int, int]) -> dict[str, Any]:
    """Options that make the backbone take images of `size`.

    Raises:
        ConfigError: it can't take them; the message names the nearest square that it can.
    """
    # Told the size beforehand, a transformer makes position codes for it instead of resizing them each time.
    problem = _describe_size_problem(name, in_channels, size, pass_size=True)
    if problem is None:
        return {"img_size": size}
    plain_problem = _describe_size_problem(name, in_channels, size, pass_size=False)
    if plain_problem is None:
        return {}
    if "'img_size'" in problem:  # it knows no such option, so that is not the reason
        problem = plain_problem
    middle = max(1, round(sum(size) / 2 / _STEP_PX))
    candidates = sorted({*range(max(1, middle - 2), middle + 4), 7}, key=lambda item: abs(item - middle))
    for candidate in candidates:
        square = (candidate * _STEP_PX, candidate * _STEP_PX)
        if any(
            _describe_size_problem(name, in_channels, square, pass_size=item) is None
            for item in (True, False)
        ):
            raise ConfigError(
                f"{TIMM_PREFIX}{name} can't take {size[0]}x{size[1]} px ({problem}); set model.height and "
                f"model.width to {square[0]}, the nearest that works"
            )
    raise ConfigError(f"{TIMM_PREFIX}{name} can't take {size[0]}x{size[1]} px: {problem}")
