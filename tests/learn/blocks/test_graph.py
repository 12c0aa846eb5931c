import pytest

torch = pytest.importorskip("torch")

from imfuse.learn.blocks.graph import GraphReasoning, _ScaleGraph  # noqa: E402 - needs torch


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def gated(unit, state, message):
    both = torch.cat([message, state], 1)
    reset, update = torch.sigmoid(unit.gates(both)).chunk(2, 1)
    new = torch.tanh(unit.candidate(torch.cat([message, reset * state], 1)))
    return (1 - update) * state + update * new


def nodes_of(channels=6):
    return [torch.randn(2, channels, 4, 5) for _ in range(3)]


def edge_of(graph, place, difference):
    """Sigmoid of the edge convolution for the neighbour at a place."""
    weight = graph.edge.weight[place, :, 0, 0]
    return torch.sigmoid((weight[:, None, None] * difference).sum(1, keepdim=True))


def test_paper_nodes_sum_what_the_unit_makes_of_each_message():
    """Equations 12-16."""
    graph = _ScaleGraph(6, variant="paper")
    graph.gamma.data.fill_(0.7)
    nodes = nodes_of()
    for place, found in enumerate(graph(nodes)):
        node = nodes[place]
        others = [n for k, n in enumerate(nodes) if k != place]
        updates = [
            gated(graph.gate, node, edge_of(graph, k, node - other) * other)
            for k, other in enumerate(others)
        ]
        torch.testing.assert_close(found, node + 0.7 * sum(updates))


def test_release_messages_alternate_their_edges_between_channels():
    graph = _ScaleGraph(6, variant="release")
    graph.gamma.data.fill_(0.7)
    nodes = nodes_of()
    for place, found in enumerate(graph(nodes)):
        node = nodes[place]
        others = [n for k, n in enumerate(nodes) if k != place]
        edges = [edge_of(graph, k, node - other) for k, other in enumerate(others)]
        message = torch.zeros_like(node)
        for other in others:
            for channel in range(6):
                message[:, channel] += edges[channel % 2][:, 0] * other[:, channel]
        torch.testing.assert_close(found, node + 0.7 * gated(graph.gate, node, message))


@pytest.mark.parametrize(("variant", "sign"), [("paper", 1), ("release", -1)])
def test_modalities_exchange_twice(variant, sign):
    graph = GraphReasoning(6, variant=variant).eval()
    ir, vis = torch.randn(2, 1, 6, 9, 8)
    a, b = graph.ir_nodes[1](ir), graph.vis_nodes[1](vis)
    for _ in range(2):
        to_b = torch.sigmoid(graph.ir_to_vis(sign * (b - a))) * a
        to_a = torch.sigmoid(graph.vis_to_ir(sign * (a - b))) * b
        a, b = a + to_a, b + to_b
    found = graph._create(1, ir, vis)
    torch.testing.assert_close(found[0], a)
    torch.testing.assert_close(found[1], b)


def test_modalities_do_not_share_nodes_and_variants_differ():
    graphs = {}
    for variant in ("paper", "release"):
        torch.manual_seed(0)
        graphs[variant] = GraphReasoning(6, variant=variant).eval()
        for scales in (graphs[variant].ir_scales, graphs[variant].vis_scales):
            scales.gamma.data.fill_(0.5)
    ir, vis = torch.randn(2, 1, 6, 9, 8)
    paper, release = graphs["paper"](ir, vis), graphs["release"](ir, vis)
    assert not torch.allclose(paper[0], release[0], atol=1e-5)
    assert not torch.allclose(paper[0], paper[1], atol=1e-5)
    counts = {sum(p.numel() for p in g.parameters()) for g in graphs.values()}
    assert len(counts) == 1
