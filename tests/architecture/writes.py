"""Updates and deletes whose condition reads another table.

PostgreSQL evaluates a condition again after it has waited for a row's lock, but not a subquery of it. Django writes a
join of an update as a subquery: two transactions that spend one row both find it unspent, and both succeed.
"""

import ast
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib import import_module
from typing import Any, get_type_hints
from uuid import UUID, uuid4

from django.apps import apps
from django.db.models import QuerySet
from django.utils import timezone

from tests.architecture import tree

WRITES = {"update", "delete", "_raw_delete"}
ANY_VALUE: dict[Any, Any] = {UUID: uuid4(), str: str(uuid4()), int: 1, datetime: timezone.now(), bool: True}


def joined_sets() -> set[str]:
    """Return the functions of the apps' `queries` modules, as `app.function`, whose rows are of more than one table."""
    found = set()
    for package in tree.PACKAGES:
        names = [module.name for module in pkgutil.iter_modules(import_module(package).__path__)]
        if "queries" in names:
            module = import_module(f"{package}.queries")
            found |= {f"{package}.{name}" for name in _joined_of(module)}
    return found


def joined_writes(module: ast.Module, package: str, joined: Iterable[str]) -> Iterator[int]:
    """Yield the lines that update or delete a joined set of `queries`, or one filtered across a relation."""
    owners = _owners_of_queries(module, package)
    relations = _relations()
    scopes = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.Module)]
    for scope in scopes:
        assigned = _assigned(scope)
        for node in _own_nodes(scope):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in WRITES
            ):
                calls = list(_chain(node.func.value, assigned))
                if any(_is_joined(call, owners, joined) or _crosses(call, relations) for call in calls):
                    yield node.lineno


def _joined_of(module: Any) -> Iterator[str]:
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ != module.__name__ or name.startswith("_"):
            continue
        hints = get_type_hints(function)
        if "QuerySet" not in str(hints.pop("return", "")):
            continue
        rows = function(*[_value_of(hints[each]) for each in inspect.signature(function).parameters])
        if isinstance(rows, QuerySet) and _tables_of(rows) > 1:
            yield name


def _tables_of(rows: QuerySet[Any]) -> int:
    query = rows.query.clone()
    query.clear_ordering(force=True)
    query.get_compiler("default").pre_sql_setup()
    return sum(1 for alias in query.alias_map if query.alias_refcount[alias])


def _value_of(hint: Any) -> Any:
    if hint in ANY_VALUE:
        return ANY_VALUE[hint]
    options = [each for each in getattr(hint, "__args__", ()) if each in ANY_VALUE]
    return [] if "list" in str(hint) or not options else ANY_VALUE[options[0]]


def _owners_of_queries(module: ast.Module, package: str) -> dict[str, str]:
    """Return the apps by the names under which the module has their `queries`."""
    owners = {"queries": package}
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name == "queries":
                    owners[alias.asname or alias.name] = str(node.module)
    return owners


def _assigned(scope: ast.AST) -> dict[str, ast.expr]:
    return {
        target.id: node.value
        for node in _own_nodes(scope)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield what stands in the scope and in no function inside it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, ast.FunctionDef):
            yield from _own_nodes(child)


def _chain(node: ast.expr, assigned: dict[str, ast.expr], depth: int = 0) -> Iterator[ast.Call]:
    """Yield the calls that made the set, through the variables that hold a part of it."""
    while True:
        if isinstance(node, ast.Call):
            yield node
            node = node.func
        elif isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        else:
            break
    if isinstance(node, ast.Name) and node.id in assigned and depth < 5:
        yield from _chain(assigned[node.id], assigned, depth + 1)


def _is_joined(call: ast.Call, owners: dict[str, str], joined: Iterable[str]) -> bool:
    function = call.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return f"{owners.get(function.value.id)}.{function.attr}" in joined
    # Within `queries` itself, and from the module of the same app.
    return isinstance(function, ast.Name) and f"{owners['queries']}.{function.id}" in joined


def _crosses(call: ast.Call, relations: dict[str, set[str]]) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in {"filter", "exclude"}:
        return False
    for keyword in call.keywords:
        first, _, second = (keyword.arg or "").partition("__")
        if second.partition("__")[0] in relations.get(first, set()):
            return True
    return False


def _relations() -> dict[str, set[str]]:
    """Return the names of relations, each with the fields of its other side that are not its own column."""
    found: dict[str, set[str]] = {}
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if field.is_relation and field.related_model not in (None, "self"):
                key = field.related_model._meta.pk.name
                others = {each.name for each in field.related_model._meta.get_fields()} - {key}
                found.setdefault(field.name, set()).update(others)
    return found
