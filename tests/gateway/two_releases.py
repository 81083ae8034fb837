"""What a migration may do so that the release before can run with its tables too: docs/adr has the rule, and why."""

from collections.abc import Iterator
from typing import Any

from django.db.migrations import Migration, operations
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, Field

_HARMLESS = (
    operations.AddIndex,
    operations.RemoveIndex,
    operations.AlterModelOptions,
    operations.AlterModelManagers,
)


def faults(migration: Migration, before: ProjectState) -> list[str]:
    """Say what the release before, whose tables are as ``before``, could not run with; nothing where it could."""
    return list(_faults(migration, before))


def _faults(migration: Migration, before: ProjectState) -> Iterator[str]:
    state = before.clone()
    new: set[str] = set()  # tables that the release before does not know
    for operation in migration.operations:
        model = getattr(operation, "model_name", "") or getattr(operation, "name", "")
        what = f"{type(operation).__name__} {model}".strip()
        match operation:
            case operations.CreateModel(name=name, fields=fields):
                new.add(name.lower())
                yield from (f"{what}: {fault}" for _, field in fields for fault in _of_reference(field, new))
            case operations.AddField(model_name=name, name=column, field=field):
                if name.lower() not in new:
                    yield from (f"{what}, {column}: {fault}" for fault in _of_column(field))
                yield from (f"{what}, {column}: {fault}" for fault in _of_reference(field, new))
            case operations.AlterField(model_name=name, name=column, field=field) if name.lower() not in new:
                old = state.models[migration.app_label, name.lower()].get_field(column)
                yield from (f"{what}, {column}: {fault}" for fault in _of_change(old, field))
            case _ if not isinstance(operation, _HARMLESS) and model.lower() not in new:
                yield f"{what}: it takes away, renames, forbids, or does what can't be seen here"
        operation.state_forwards(migration.app_label, state)


def _of_column(field: Field) -> Iterator[str]:
    """Rows are written by who does not know the column."""
    if field.many_to_many:
        return  # a table of its own
    if not field.null and field.db_default is NOT_PROVIDED:
        yield "a new column needs null=True or a db_default"
    if field.unique and not field.null:
        yield "a new column can't be unique: all rows of the release before have the same value"


def _of_reference(field: Field, new: set[str]) -> Iterator[str]:
    """Rows are deleted by who does not know what refers to them."""
    if not field.remote_field:
        return
    target = field.remote_field.model
    name = target if isinstance(target, str) else target._meta.label  # noqa: SLF001 - Django documents it
    if name.rpartition(".")[2].lower() in new:
        return
    if field.many_to_many:
        yield "a relation to many needs a model of its own, whose references have db_constraint=False"
    elif field.db_constraint:
        yield f"a reference to {name} needs db_constraint=False, or its rows can't be deleted any more"


def _of_change(old: Field, new: Field) -> Iterator[str]:
    """What fitted before must fit still."""
    was, now = _column(old), _column(new)
    fitted, fits = was.pop("max_length", None), now.pop("max_length", None)
    if fits is not None and (fitted is None or fits < fitted):
        yield "it gets narrower"
    if was.pop("null", False) and not now.pop("null", False):
        yield "it may not be empty any more"
    now.pop("null", None)
    if was.pop("db_default", None) is not None and "db_default" not in now:
        yield "it has no db_default any more"
    now.pop("db_default", None)
    for each in (was, now):
        for name in ("db_index", "default"):
            each.pop(name, None)
    if was != now:
        yield "it becomes another kind of column"


def _column(field: Field) -> dict[str, Any]:
    """Give what the database knows of a field."""
    _, path, _, options = field.deconstruct()
    return {"class": path} | {name: value for name, value in options.items() if name not in field.non_db_attrs}
