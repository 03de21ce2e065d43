"""Kinds of numbers that commands take. Standard library only."""

from __future__ import annotations

from argparse import ArgumentTypeError


def positive(text: str) -> int:
    """A whole number from 1 on."""
    return _at_least(1, text)


def not_negative(text: str) -> int:
    """A whole number from 0 on, such as a seed."""
    return _at_least(0, text)


def _at_least(least: int, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a whole number") from None
    if number < least:
        raise ArgumentTypeError(f"must be at least {least}")
    return number
