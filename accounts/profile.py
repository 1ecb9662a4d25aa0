"""What users say about themselves."""

from accounts.models import User


def rename(user: User, name: str) -> User:
    """Give the user another name."""
    user.name = name
    user.save(update_fields=["name"])
    return user
