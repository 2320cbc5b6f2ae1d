import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from tasks.models.depth_network import DepthNetwork, multi_scale_l1
from tasks.models.t2net_depth import T2NetDepth

RANGE_M = (0.5, 6.0)


def n_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def by_hand(n: int) -> int:
    """Parameters of the paper's network  of width ``n``, layer by layer."""

    def conv(n_in: int, n_out: int, side: int = 3) -> int:
        return side * side * n_in * n_out + 2 * n_out  # no bias; batch norm's scale and shift

    def up(n_in: int, n_middle: int, n_out: int) -> int:
        return conv(n_in, n_middle) + conv(n_middle, n_out) + n_out  # the transposed convolution has a bias

    encoder = conv(3, n, 7)
    encoder += sum(conv(n_in, 2 * n_in) + conv(2 * n_in, 2 * n_in) for n_in in (n, 2 * n, 4 * n))
    centre = 3 * (3 * conv(8 * n, 8 * n) + conv(24 * n, 8 * n)) + up(8 * n, 8 * n, 4 * n)
    decoder = up(8 * n, 8 * n, 2 * n) + up(4 * n + 1, 4 * n, n) + up(2 * n + 1, 2 * n, n // 2)
    outputs = 9 * (8 * n) + 9 * (4 * n + 1) + 9 * (2 * n + 1) + 49 * (n // 2 + 1)
    return encoder + centre + decoder + outputs + 1  # the one PReLU


@pytest.fixture(scope="module")
def full_size() -> DepthNetwork:
    torch.manual_seed(0)
    return DepthNetwork(T2NetDepth(), RANGE_M)


def test_the_full_network_has_the_parameters_of_the_paper(full_size: DepthNetwork) -> None:
    assert n_parameters(full_size) == by_hand(64) == 54_564_676
    assert n_parameters(T2NetDepth(4)) == by_hand(4)


def test_one_step_of_the_full_network_is_finite_and_reaches_every_weight(full_size: DepthNetwork) -> None:
    generator = torch.Generator().manual_seed(0)
    image, depth_m = torch.rand(2, 3, 96, 96, generator=generator), 1 + torch.rand(2, 96, 96, generator=generator)
    maps = full_size({"image": image})
    assert [tuple(found.shape) for found in maps] == [(2, side, side) for side in (12, 24, 48, 96)]
    loss = multi_scale_l1(maps, full_size.scaled(depth_m), depth_m > 0)
    loss.backward()
    assert torch.isfinite(loss)
    for name, parameter in full_size.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert (parameter.grad != 0).any(), name
    full_size.zero_grad()


def test_a_network_comes_back_from_its_stored_state(full_size: DepthNetwork) -> None:
    stored = save({name: value.clone() for name, value in full_size.state_dict().items()})
    again = DepthNetwork(T2NetDepth(), RANGE_M)
    again.load_state_dict(load(stored))
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        for mine, theirs in zip(full_size.eval()({"image": image}), again.eval()({"image": image}), strict=True):
            assert torch.equal(mine, theirs)


def test_the_whole_network_shares_one_slope() -> None:
    network = T2NetDepth(4)
    slopes = {id(module.weight) for module in network.modules() if isinstance(module, nn.PReLU)}
    assert len(slopes) == 1
    assert sum(isinstance(module, nn.PReLU) for module in network.modules()) == 1


def test_weights_start_kaiming_normal_and_biases_at_zero(full_size: DepthNetwork) -> None:
    fresh = T2NetDepth(32)
    for module in fresh.modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.in_channels * module.kernel_size[0] ** 2
            assert module.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.15)
            assert module.bias is None
        if isinstance(module, nn.ConvTranspose2d):
            assert (module.bias == 0).all()


def test_each_skip_is_scaled_down_beside_the_features_of_its_resolution() -> None:
    network = T2NetDepth(4).eval()
    contexts: list[torch.Tensor] = []
    skips: list[torch.Tensor] = []
    for output in network.outputs:
        output.register_forward_hook(lambda module, arguments, output: contexts.append(arguments[0]))
    for stage in network.encoder:
        stage.register_forward_hook(lambda module, arguments, output: skips.append(output))
    with torch.inference_mode():
        network(torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0)))
    for context, skip, weight in zip(contexts[:3], skips[2::-1], (0.1, 0.05, 0.01), strict=True):
        n_channels = skip.shape[1]
        torch.testing.assert_close(context[:, n_channels : 2 * n_channels], weight * skip)


@pytest.mark.parametrize("full_resolution", [True, False])
def test_a_hook_on_the_bottleneck_sees_the_features_of_a_call(full_resolution: bool) -> None:
    network = DepthNetwork(T2NetDepth(4, full_resolution=full_resolution), RANGE_M)
    seen: list[torch.Tensor] = []
    handle = network.body.bottleneck.register_forward_hook(lambda module, arguments, output: seen.append(output))
    image = torch.rand(2, 3, 96, 128, generator=torch.Generator().manual_seed(0), requires_grad=True)
    network({"image": image})
    handle.remove()
    assert [tuple(features.shape) for features in seen] == [(2, 32, 6, 8)]
    seen[0].mean().backward()
    assert (image.grad != 0).any()


def test_the_light_network_leaves_out_the_full_resolution_alone() -> None:
    full, light = T2NetDepth(4), T2NetDepth(4, full_resolution=False)
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    shapes = [[tuple(found.shape[1:]) for found in network(image)] for network in (full, light)]
    assert shapes[0][:3] == shapes[1] == [(12, 12), (24, 24), (48, 48)]
    left_out = dict(full.named_parameters()).keys() - dict(light.named_parameters()).keys()
    assert {name.rsplit(".", 2)[0] for name in left_out} == {"ups.2", "outputs.3"}
