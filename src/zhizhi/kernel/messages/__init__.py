"""The catalogue of messages in both languages."""

from zhizhi.kernel.messages.catalogue import LANGUAGES, catalogue, render

__all__ = ["LANGUAGES", "catalogue", "render"]
