"""Pages and deeds of those who keep the register."""

from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.views.decorators.http import require_POST

PERMISSION = "footprints.add_release"


class StewardsOnly(PermissionRequiredMixin):
    """A page for those who may add a release: others are told so, strangers sign in first."""

    permission_required = PERMISSION

    def handle_no_permission(self):
        self.raise_exception = self.request.user.is_authenticated
        return super().handle_no_permission()


def deed(view):
    """A POST of those who may add a release."""
    return login_required(
        permission_required(PERMISSION, raise_exception=True)(require_POST(view))
    )
