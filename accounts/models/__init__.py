from .users import Team, User

__all__ = ["Team", "User"]
