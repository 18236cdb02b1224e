"""How many operations a network takes for a sequence of a given length."""

from __future__ import annotations

from rankladder.checkpoint import Bert, Dense, Network


def flops(network: Network, tokens: int) -> int:
    """Floating-point operations of one sequence of ``tokens`` tokens, special ones included; a multiply-add is two.

    Matrix products only, as model FLOP utilisation counts them (PaLM, arXiv 2204.02311, appendix B): with T tokens,
    width H and inner width I, a layer takes 8TH² for queries, keys, values and output, 4TIH (BERT) or 6TIH (a gated
    MLP) for the MLP, and 4H for each pair of tokens that see each other. Look-ups, norms and activations are left out.

    This is what the network's description asks for. An engine that finds a way to do less (the last layer for one row)
    reaches a higher share of the peak, as it should.
    """
    encoder = network.encoder
    width, inner = encoder.width, encoder.inner
    dense = 8 * tokens * width**2 + (4 if isinstance(encoder, Bert) else 6) * tokens * inner * width
    attended = (
        [tokens**2] * encoder.layers
        if isinstance(encoder, Bert)
        else [tokens**2 if sees_all else _in_window(tokens, encoder.window_side) for sees_all in encoder.global_layers]
    )
    head = sum(2 * step.inputs * step.outputs for step in network.head if isinstance(step, Dense))
    return encoder.layers * dense + 4 * width * sum(attended) + head


def _in_window(tokens: int, side: int) -> int:
    """Pairs of tokens at most ``side`` apart.

    >>> _in_window(3, 1), _in_window(2, 64), _in_window(1000, 64)
    (7, 4, 124840)
    """
    reach = min(side, tokens - 1)
    return tokens + 2 * (reach * tokens - reach * (reach + 1) // 2)
