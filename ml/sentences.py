"""Marks what people read, for whoever translates it. Standard library only.

The engine speaks English and hands its sentences over as they are; the web app shows them in the
language of the page. ``make translations`` finds every string inside ``_(...)``.
"""


def marked(sentence: str) -> str:
    return sentence
