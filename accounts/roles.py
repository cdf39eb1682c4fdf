"""What a role may do in the admin: data stewards keep the register and the people."""

STEWARDED = {"footprints", "stakeholders"}


class Stewardship:
    """An authentication backend that signs nobody in: it answers what a steward may do.

    A role is a fact about a user, so it needs no group whose membership could drift from it.
    """

    def authenticate(self, request, **credentials):
        return None

    def get_user(self, user_id):
        return None

    def has_perm(self, user, perm, obj=None):
        return is_steward(user) and perm.partition(".")[0] in STEWARDED

    def has_module_perms(self, user, app_label):
        return is_steward(user) and app_label in STEWARDED


def is_steward(user) -> bool:
    return user.is_active and getattr(user, "role", None) == "steward"
