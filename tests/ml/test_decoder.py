"""Our pass through the language model gives what transformers gives, however it is cut up."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ml.decoder import Decoder, causal_mask, forest_mask
from ml.demo.model import demo_config, demo_processor, new_model

ROWS, TOKENS, HIDDEN = 4, 12, 64


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    tokenizer = demo_processor().tokenizer
    model = new_model(tokenizer, 0, demo_config(tokenizer, hidden=HIDDEN, layers=3)).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
        if parameter.ndim > 1:
            parameter.mul_(3)  # or no token would notice another
    return Decoder(model.model.language_model)


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.randn(ROWS, TOKENS, HIDDEN, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def positions() -> Tensor:
    """(3, N, S): as for a picture, the three differ."""
    count = torch.arange(TOKENS)
    return torch.stack([count, count // 2, count // 3])[:, None].expand(-1, ROWS, -1)


@pytest.fixture(scope="module")
def theirs(decoder: Decoder, x: Tensor, positions: Tensor) -> Tensor:
    with torch.no_grad():
        return decoder.model(inputs_embeds=x, position_ids=positions).last_hidden_state


def test_the_whole_pass_equals_transformers(
    decoder: Decoder, x: Tensor, positions: Tensor, theirs: Tensor
) -> None:
    ours = decoder(x, decoder.rotary(positions), causal_mask(TOKENS)).states
    assert (ours - theirs).abs().max() < 1e-5
    assert (theirs[0] - theirs[1]).abs().max() > 0.1


def test_one_position_a_row_is_that_of_the_whole_pass(
    decoder: Decoder, x: Tensor, positions: Tensor, theirs: Tensor
) -> None:
    read = torch.tensor([11, 3, 0, 7])
    ours = decoder(x, decoder.rotary(positions), causal_mask(TOKENS), read=read).states
    assert (ours - theirs[torch.arange(ROWS), read]).abs().max() < 1e-5


@pytest.mark.parametrize("cut", [1, 5, 11])
def test_a_pass_in_two_pieces_is_the_same_pass(
    cut: int, decoder: Decoder, x: Tensor, positions: Tensor, theirs: Tensor
) -> None:
    head = decoder(x[:, :cut], decoder.rotary(positions[..., :cut]), causal_mask(cut))
    rest = decoder(
        x[:, cut:],
        decoder.rotary(positions[..., cut:]),
        causal_mask(TOKENS - cut, [cut]),
        past=head.cache,
    )
    assert (rest.states - theirs[:, cut:]).abs().max() < 1e-5


def test_padded_beginnings_are_not_seen(
    decoder: Decoder, x: Tensor, positions: Tensor, theirs: Tensor
) -> None:
    """Rows 0 and 1 begin with 5 tokens, rows 2 and 3 with 3 and two of padding."""
    lengths = [5, 5, 3, 3]
    beginnings = x[:, :5].clone()
    beginnings[2:, 3:] = 100.0
    head = decoder(beginnings, decoder.rotary(positions[..., :5]), causal_mask(5))
    ends = torch.stack([row[n : n + 7] for row, n in zip(x, lengths, strict=True)])
    places = [p[:, n : n + 7] for p, n in zip(positions.unbind(1), lengths, strict=True)]
    rotary = decoder.rotary(torch.stack(places, 1))
    ours = decoder(ends, rotary, causal_mask(7, lengths), past=head.cache).states
    wanted = torch.stack([row[n : n + 7] for row, n in zip(theirs, lengths, strict=True)])
    assert (ours - wanted).abs().max() < 1e-5


@pytest.mark.parametrize("reading", [False, True])
def test_endings_side_by_side_see_their_own_beginning_only(
    reading: bool, decoder: Decoder, x: Tensor, positions: Tensor
) -> None:
    """Two pictures with three endings each, against six plain passes."""
    pictures, blocks, cut = 2, 3, 5
    begin = decoder(x[:2, :cut], decoder.rotary(positions[:, :2, :cut]), causal_mask(cut))
    ends = torch.randn(blocks, 4, HIDDEN, generator=torch.Generator().manual_seed(2))
    rotary = decoder.rotary(positions[:, :1, cut : cut + 4])
    read = torch.tensor([3, 3, 1, 1, 2, 2])
    ours = decoder(
        ends.repeat_interleave(pictures, 0),
        rotary,
        forest_mask(blocks, 4, cut),
        past=begin.cache,
        blocks=blocks,
        read=read if reading else None,
    ).states
    for row in range(blocks * pictures):
        block, picture = divmod(row, pictures)
        whole = torch.cat([x[picture : picture + 1, :cut], ends[block : block + 1]], 1)
        with torch.no_grad():
            wanted = decoder.model(
                inputs_embeds=whole, position_ids=positions[:, :1, : cut + 4]
            ).last_hidden_state[0, cut:]
        wanted = wanted[read[row]] if reading else wanted
        assert (ours[row] - wanted).abs().max() < 1e-5


def test_checkpointing_changes_no_gradient(decoder: Decoder, x: Tensor, positions: Tensor) -> None:
    gradients = []
    for checkpointing in (False, True):
        inputs = x.clone().requires_grad_()
        run = Decoder(decoder.model, checkpointing)
        run(inputs, run.rotary(positions), causal_mask(TOKENS)).states.square().sum().backward()
        gradients.append(inputs.grad)
    assert gradients[0].abs().max() > 0
    assert torch.equal(*gradients)


@pytest.mark.parametrize(("checkpointing", "times"), [(False, 1), (True, 2)])
def test_checkpointing_computes_a_layer_again_instead_of_keeping_it(
    checkpointing: bool, times: int, decoder: Decoder, x: Tensor, positions: Tensor
) -> None:
    calls: list[int] = []
    norm = decoder.model.layers[0].input_layernorm
    watch = norm.register_forward_hook(lambda *_: calls.append(1))
    run = Decoder(decoder.model, checkpointing)
    inputs = x.clone().requires_grad_()
    run(inputs, run.rotary(positions), causal_mask(TOKENS)).states.sum().backward()
    watch.remove()
    assert len(calls) == times
