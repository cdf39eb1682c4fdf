"""Who answers for a team: its managers; where it has none and no wall, every manager does."""

from django.db.models import Exists, OuterRef, Q

from .models import Team, User

# To be joined to a `plan`: its `team`, and each `manager` who answers for it.
MANAGERS = f"""
JOIN {Team._meta.db_table} AS team ON team.id = plan.team_id
JOIN {User._meta.db_table} AS manager ON manager.role = '{User.Role.MANAGER}' AND manager.is_active
     AND (manager.team_id = team.id OR NOT team.is_walled AND NOT EXISTS (
         SELECT FROM {User._meta.db_table} AS own
         WHERE own.team_id = team.id AND own.is_active AND own.role = '{User.Role.MANAGER}'))
"""


def teams_of(person: User) -> set[int]:
    """Keys of the teams for which the person answers, as MANAGERS has it."""
    if person.role != User.Role.MANAGER or not person.is_active:
        return set()
    managers = User.objects.filter(role=User.Role.MANAGER, is_active=True, team=OuterRef("pk"))
    alone = Q(is_walled=False) & ~Exists(managers)
    return set(Team.objects.filter(Q(pk=person.team_id) | alone).values_list("pk", flat=True))


__all__ = ["MANAGERS", "teams_of"]
