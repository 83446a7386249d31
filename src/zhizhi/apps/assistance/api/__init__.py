"""The API of assistance."""

from zhizhi.apps.assistance.api.routes import router

__all__ = ["router"]
