"""Names of what happens to people, posts, sessions and tokens, and of what a session remembers."""

from __future__ import annotations

from zhizhi.apps.recording import event

USER_CREATED = event("accounts.user.created")
USER_STOPPED = event("accounts.user.stopped")
USER_RESUMED = event("accounts.user.resumed")
USER_UNLOCKED = event("accounts.user.unlocked")
PASSWORD_CHANGED = event("accounts.password.changed")
PASSWORD_RESET = event("accounts.password.reset")
POST_GRANTED = event("accounts.post.granted")
POST_ENDED = event("accounts.post.ended")
POST_CHOSEN = event("accounts.post.chosen")
SESSION_STARTED = event("accounts.session.started")
SESSION_ENDED = event("accounts.session.ended")
LOGIN_FAILED = event("accounts.login.failed")
LOGIN_LOCKED = event("accounts.login.locked")
FACTOR_CONFIRMED = event("accounts.second-factor.confirmed")
FACTOR_ENDED = event("accounts.second-factor.ended")
FACTOR_FAILED = event("accounts.second-factor.failed")
RECOVERY_CODES_MADE = event("accounts.recovery-codes.made")
RECOVERY_CODE_USED = event("accounts.recovery-code.used")
VIEW_AS_STARTED = event("accounts.view-as.started")
VIEW_AS_ENDED = event("accounts.view-as.ended")
TOKEN_ISSUED = event("accounts.token.issued")
TOKEN_REVOKED = event("accounts.token.revoked")

IN_POST, IN_VIEW, IN_VIEW_UNTIL = "post", "view_as", "view_until"
"""Keys of a session: the post in use, the post that an administrator looks through, and until when (seconds since 1970)."""
