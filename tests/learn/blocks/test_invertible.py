import pytest

torch = pytest.importorskip("torch")

from imfuse.learn.blocks.invertible import (  # noqa: E402 - needs torch
    DetailCoupling,
    InvertedResidual,
    ReverseAffineCoupling,
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("block", [DetailCoupling, ReverseAffineCoupling])
def test_the_inverse_returns_what_came_in(block):
    node = block(8).double()
    x = torch.randn(2, 8, 6, 7, dtype=torch.float64)
    torch.testing.assert_close(node.inverse(node(x)), x)
    torch.testing.assert_close(node(node.inverse(x)), x)


def test_detail_coupling_updates_the_second_half_first():
    node = DetailCoupling(8)
    x = torch.randn(1, 8, 6, 7)
    mixed = node.mix(x)
    first, second = mixed[:, :4], mixed[:, 4:]
    second = second + node.phi(first)
    first = first * torch.exp(node.rho(second)) + node.eta(second)
    torch.testing.assert_close(node(x), torch.cat([first, second], 1))


def test_reverse_coupling_undoes_the_affine_one_of_equations_7_and_8():
    """Running y2, y1 forward through the usual couplings gives the mixed halves back."""
    node = ReverseAffineCoupling(8).double()
    x = torch.randn(1, 8, 6, 7, dtype=torch.float64)

    def scale(s):
        return torch.exp(2 * 2.0 * (1 / (1 + torch.exp(-s)) - 0.5))

    y1, y2 = node(x).chunk(2, 1)
    x1 = scale(node.psi(y2)) * y1 + node.phi(y2)
    x2 = scale(node.rho(x1)) * y2 + node.eta(x1)
    torch.testing.assert_close(torch.cat([x1, x2], 1), node.mix(x))


def test_scales_stay_bounded():
    node = ReverseAffineCoupling(4, clamp=1.5)
    extremes = node._scale(torch.tensor([-1e4, 0.0, 1e4]))
    torch.testing.assert_close(extremes.log(), torch.tensor([-1.5, 0.0, 1.5]))


def test_inverted_residual_mirrors_its_borders():
    block = InvertedResidual(3)
    x = torch.rand(1, 3, 5, 5)
    shifted = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="reflect")
    wide = block[0](shifted).clamp(0, 6)
    inner = torch.nn.functional.conv2d(wide, block[2].weight, groups=6).clamp(0, 6)
    torch.testing.assert_close(block(x), block[4](inner))
