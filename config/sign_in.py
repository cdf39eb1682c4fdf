"""Who may sign in: people whom an administrator has added. Nobody signs up."""

from allauth.account.adapter import DefaultAccountAdapter


class ClosedSignUp(DefaultAccountAdapter):
    """Sign-in by username or e-mail address; the sign-up page says that it is closed."""

    def is_open_for_signup(self, request):
        """Say no: accounts are made in the admin."""
        return False
