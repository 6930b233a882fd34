"""The no-model toolkit: what a text says without asking anybody."""


class Text:
    """What plugins can do with text, with no model at all."""
