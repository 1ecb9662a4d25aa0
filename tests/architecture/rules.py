"""The rules of the house that a linter cannot see: each takes a module's tree and yields the lines that break it."""

import ast
import re
from collections.abc import Iterator

ORM_CALLS = {"filter", "exclude", "get_or_create", "update_or_create", "bulk_create", "select_for_update"}
LOG_METHODS = {"debug", "info", "warning", "error", "exception"}
EVENT = re.compile(r"[a-z]+(_[a-z]+)+")


def job_bodies_of_more_than_one_call(tree: ast.Module) -> Iterator[int]:
    """A task reads its arguments and makes one call inward."""
    for function in _functions(tree):
        if not any(_name(decorator) == "job" for decorator in function.decorator_list):
            continue
        body = _without_docstring(function.body)
        if len(body) != 1 or not isinstance(getattr(body[0], "value", None), ast.Call):
            yield function.lineno


def queries_in_a_door(tree: ast.Module) -> Iterator[int]:
    """Views, tasks, admin and commands ask `queries` or a workflow; `Model.objects.none()` is a declaration."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        is_query = _reads_objects(node.func.value) and node.func.attr != "none"
        if is_query or node.func.attr in ORM_CALLS:
            yield node.lineno


def transactions_in_a_door(tree: ast.Module) -> Iterator[int]:
    """A transaction belongs to the workflow, where the story is told."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "atomic" and _name(node.value) == "transaction":
            yield node.lineno


def save_overrides(tree: ast.Module) -> Iterator[int]:
    """Work starts in a workflow, in the open, and never because a row was saved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from (function.lineno for function in _functions(node) if function.name == "save")


def signal_receivers(tree: ast.Module) -> Iterator[int]:
    """The same for Django's signals of models."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "django.db.models.signals":
            yield node.lineno


def own_retries(tree: ast.Module) -> Iterator[int]:
    """The ledger retries. `self.retry()` would publish a message of its own, and hide the fate of the job."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr == "retry" and _name(node.func.value) in {"self", "current_task", "task"}:
            yield node.lineno


def reads_of_the_environment(tree: ast.Module) -> Iterator[int]:
    """Only config/env.py knows variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}:
            if _name(node.value) == "os":
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (node.lineno for alias in node.names if alias.name in {"environ", "getenv"})


def broad_handlers(tree: ast.Module) -> Iterator[int]:
    """`except Exception` eats soft time limits and bugs. Whoever cleans up and raises again may catch everything."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node) and not _raises_again(node):
            yield node.lineno


def log_events_that_are_no_constant(tree: ast.Module) -> Iterator[int]:
    """An event is a constant `noun_verb`; what differs from line to line is a field."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if _name(node.func.value) != "log" or node.func.attr not in LOG_METHODS:
            continue
        event = node.args[0] if node.args else None
        if not isinstance(event, ast.Constant) or not EVENT.fullmatch(str(event.value)):
            yield node.lineno


def eager_mode(tree: ast.Module) -> Iterator[int]:
    """Eager tasks skip serialising, acknowledgement and transactions: what passes there proves nothing."""
    for node in ast.walk(tree):
        words = [getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "arg", None)]
        if any(str(word).lower().endswith("task_always_eager") for word in words if word):
            yield getattr(node, "lineno", 0)


def comparisons_of_passwords(tree: ast.AST) -> Iterator[int]:
    """Only one function counts a try before it compares a password, and forgives afterwards."""
    for node in ast.walk(tree):
        imported = isinstance(node, ast.alias) and node.name in {
            "check_password",
            "acheck_password",
            "verify_password",
        }
        called = isinstance(node, ast.Attribute) and node.attr in {"check_password", "acheck_password"}
        if imported or called:
            yield getattr(node, "lineno", 0)


def reads_of_the_clients_address(tree: ast.AST) -> Iterator[int]:
    """A limit that believes another address than its neighbours is walked around."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in {"REMOTE_ADDR", "HTTP_X_FORWARDED_FOR"}:
            yield node.lineno


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _name(node: ast.AST) -> str | None:
    """Return the last name of `a`, `x.a` and `a(...)`."""
    if isinstance(node, ast.Call):
        return _name(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    return body[1:] if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else body


def _reads_objects(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in {"objects", "_default_manager"}


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(kind is None or _name(kind) in {"Exception", "BaseException"} for kind in kinds)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None
