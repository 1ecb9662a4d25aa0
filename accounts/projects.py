"""A user's projects."""

from accounts.models import Project, User


def add(owner: User, name: str) -> Project:
    """Create a project. Twice: two of them; a name need not be unique."""
    return Project.objects.create(owner=owner, name=name)


def rename(project: Project, name: str) -> Project:
    """Give the project another name."""
    project.name = name
    project.save(update_fields=["name"])
    return project


def remove(project: Project) -> None:
    """Delete the project; its videos stay, without one. Twice: the second call finds nothing."""
    Project.objects.filter(pk=project.pk).delete()
