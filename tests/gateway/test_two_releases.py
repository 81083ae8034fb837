"""An upgrade migrates while the old release still runs, and a rollback leaves the new tables: both run with both."""

import itertools
from collections.abc import Iterator

import pytest
from django.apps.registry import Apps
from django.db import connection, models
from django.db.migrations import Migration, operations
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED, Field, Model
from django.utils import timezone

from gateway.models import Domain, Route
from tests.gateway.two_releases import faults

APP = "gateway"
FIRST = "0010_scan"  # the tables of the first release that was put on a machine
NAMES = sorted(name for app, name in MigrationLoader(None).disk_migrations if app == APP)
ID = ("id", models.BigAutoField(primary_key=True))
NUMBERS = itertools.count(1)
LATER = [name for name in NAMES if name > FIRST]


def before(name: str) -> str:
    return NAMES[NAMES.index(name) - 1]


@pytest.mark.parametrize("name", LATER)
def test_a_migration_does_nothing_that_the_release_before_can_not_run_with(name: str) -> None:
    loader = MigrationLoader(None)

    assert faults(loader.disk_migrations[APP, name], loader.project_state((APP, before(name)))) == []


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        (operations.RemoveField("domain", "plus"), "takes away"),
        (operations.RenameField("domain", "plus", "sign"), "takes away, renames"),
        (operations.RenameModel("Domain", "Place"), "takes away, renames"),
        (operations.DeleteModel("Lesson"), "takes away"),
        (operations.AlterModelTable("Domain", "place"), "takes away, renames"),
        (operations.RunSQL("SELECT 1"), "does what can't be seen"),
        (operations.RunPython(lambda *_: None), "does what can't be seen"),
        (
            operations.AddConstraint("domain", models.UniqueConstraint(fields=["plus"], name="one_sign")),
            "forbids",
        ),
        (operations.RemoveConstraint("lesson", "one_lesson_per_engine"), "takes away"),
        (operations.AddField("domain", "motto", models.CharField(max_length=9)), "null=True or a db_default"),
        (
            operations.AddField("domain", "motto", models.CharField(max_length=9, default="")),
            "null=True or a db_default",
        ),
        (
            operations.AddField("domain", "motto", models.CharField(max_length=9, db_default="", unique=True)),
            "can't be unique",
        ),
        (
            operations.AddField("domain", "other", models.ForeignKey(f"{APP}.Route", models.CASCADE, null=True)),
            "needs db_constraint=False",
        ),
        (operations.AddField("domain", "others", models.ManyToManyField(f"{APP}.Route")), "a model of its own"),
        (
            operations.CreateModel(
                "Motto",
                [
                    ("id", models.BigAutoField(primary_key=True)),
                    ("of", models.ForeignKey(f"{APP}.Route", models.CASCADE)),
                ],
            ),
            "needs db_constraint=False",
        ),
        (operations.AlterField("domain", "name", models.CharField(max_length=100, unique=True)), "narrower"),
        (operations.AlterField("domain", "marks_since", models.DateField(default="2026-11-21")), "may not be empty"),
        (operations.AlterField("domain", "observe", models.CharField(max_length=9)), "another kind"),
        (operations.AlterField("domain", "plus", models.CharField(max_length=1, unique=True)), "another kind"),
    ],
)
def test_what_the_release_before_can_not_run_with_is_found(operation: operations.base.Operation, says: str) -> None:
    assert says in "; ".join(faults(migration_of(operation), MigrationLoader(None).project_state((APP, FIRST))))


@pytest.mark.parametrize(
    "operation",
    [
        operations.AddField("domain", "motto", models.CharField(max_length=9, db_default="")),
        operations.AddField("domain", "motto", models.CharField(max_length=9, null=True, unique=True)),
        operations.AddField(
            "domain", "other", models.ForeignKey(f"{APP}.Route", models.CASCADE, null=True, db_constraint=False)
        ),
        operations.AlterField("domain", "name", models.CharField(max_length=300, unique=True, help_text="Anew.")),
        operations.AlterField("domain", "plus", models.CharField(max_length=1, null=True, db_default="")),
        operations.AddIndex("domain", models.Index(fields=["plus"], name="by_sign")),
        operations.CreateModel("Motto", [ID]),
    ],
)
def test_what_it_can_run_with_is_not_complained_of(operation: operations.base.Operation) -> None:
    assert faults(migration_of(operation), MigrationLoader(None).project_state((APP, FIRST))) == []


def test_a_table_of_the_same_migration_is_nobodys_yet() -> None:
    made = operations.CreateModel("Motto", [ID])
    more = operations.AddField("motto", "text", models.TextField(default=""))
    unique = operations.AddConstraint("motto", models.UniqueConstraint(fields=["text"], name="one_text"))

    assert faults(migration_of(made, more, unique), MigrationLoader(None).project_state((APP, FIRST))) == []


@pytest.fixture
def _latest_afterwards() -> Iterator[None]:
    """Leave the tables as other tests want them."""
    yield
    migrate(NAMES[-1])


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_latest_afterwards")
@pytest.mark.parametrize("name", LATER)
def test_the_release_before_reads_writes_and_deletes_in_the_tables_of_the_next(name: str) -> None:
    old = migrate(before(name))
    tables = list(old.app_configs[APP].get_models())
    kept = {model: a_row(model) for model in tables}

    migrate(name)

    for model in tables:
        assert model.objects.filter(pk=kept[model].pk).exists(), model
        written = a_row(model)
        assert model.objects.get(pk=written.pk).pk == written.pk, model
        written.save()
    for model in sorted(tables, key=refers_to_protected, reverse=True):
        model.objects.all().delete()
        assert not model.objects.exists(), model


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_latest_afterwards")
def test_what_the_first_release_writes_into_todays_tables_has_the_defaults_of_today() -> None:
    Old = migrate(FIRST).get_model(APP, "Domain")  # noqa: N806 - it is a class
    migrate(NAMES[-1])
    route = Route.objects.create(name="inside")
    columns = {each.column: each for each in fields_of(Old) if not each.primary_key}
    row = Old(name="example.test", route_id=route.pk)
    values = [each.get_db_prep_save(each.pre_save(row, add=True), connection) for each in columns.values()]
    named, places = ", ".join(f'"{each}"' for each in columns), ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO gateway_domain ({named}) VALUES ({places})", values)  # noqa: S608 - names of columns

    written = Domain.objects.get(name="example.test")

    assert (written.mta_sts, written.mta_sts_max_age, written.tls_reports) == ("none", 604_800, "")
    assert (written.digest, written.digest_to) == ("none", "")


def migration_of(*what: operations.base.Operation) -> Migration:
    made = Migration("9999_test", APP)
    made.operations = list(what)
    return made


def migrate(name: str) -> Apps:
    """Give the tables the form of a migration, and the models that they had then."""
    executor = MigrationExecutor(connection)
    return executor.migrate([(APP, name)]).apps


def a_row(model: type[Model]) -> Model:
    """Make a row of a table, with what its columns ask for and nothing else."""
    number = next(NUMBERS)
    return model.objects.create(**{each.name: a_value(each, number) for each in fields_of(model) if asks(each)})


def fields_of(model: type[Model]) -> tuple[Field, ...]:
    return model._meta.concrete_fields  # noqa: SLF001 - Django documents it


def refers_to_protected(model: type[Model]) -> bool:
    """Whether rows of another table can only be deleted when those of this one are gone."""
    return any(each.remote_field and each.remote_field.on_delete is models.PROTECT for each in fields_of(model))


def asks(field: Field) -> bool:
    wanted = not field.null and not field.has_default() and field.db_default is NOT_PROVIDED
    return not isinstance(field, models.AutoField) and (wanted or field.unique)


def a_value(field: Field, number: int) -> object:
    """Give a value that a column takes, another one for each number where it can."""
    if field.remote_field:
        return a_row(field.remote_field.model)
    match field:
        case models.DateTimeField():
            return timezone.now()
        case models.DateField():
            return timezone.now().date()
        case models.CharField() | models.TextField():
            return str(number)
        case models.GenericIPAddressField():
            return "192.0.2.1"
        case models.JSONField():
            return {}
        case models.BooleanField():
            return False
        case _:
            return number
