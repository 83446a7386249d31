"""The API of casework."""

from zhizhi.apps.casework.api.routes import router

__all__ = ["router"]
