"""A label whose aspect uses every hook there is."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.feature import FeatureField, FieldType, Operation
from schemas.handoffs import Endpoint, ErrorCase
from skills.codegen.naming import class_name, module_name
from skills.design.aspect import (
    NOTHING,
    Aspect,
    Code,
    EntityRoute,
    Lookup,
    QueryParameter,
    Raised,
    Refusal,
    SortOrder,
    Subject,
    TableCheck,
)
from skills.design.names import item_parameter, item_path

_TITLE = FeatureField(name="title", type=FieldType(kind="string"), required=True)


def _code(of: Subject, *lines: str, imports: tuple[tuple[str, str], ...] = ()) -> Code:
    return Code(lines, imports) if of.said("archive") else NOTHING


class ArchiveAspect(Aspect):
    name = "archive"
    after = ("references",)

    def columns(self, of: Subject) -> Iterator[FeatureField]:
        moment, flag = FieldType(kind="datetime"), FieldType(kind="boolean")
        if of.said("archive"):
            yield FeatureField(name="archived_at", type=moment, required=False, read_only=True, write_only=True)
            yield FeatureField(name="archived", type=flag, required=True, read_only=True, computed=True)

    def unique(self, of: Subject) -> Iterator[tuple[str, ...]]:
        if of.said("archive"):
            yield "title", "archived_at"

    def checks(self, of: Subject) -> Iterator[TableCheck]:
        if of.said("archive"):
            name, rule = f"ck_{of.entity.table}_archived_at", "archived_at >= created_at"
            yield TableCheck(name=name, condition=repr(rule), definition=f"({rule})")

    def indexes(self, of: Subject) -> Iterator[Lookup]:
        if of.said("archive"):
            yield Lookup("archived_at", ordered=True)

    def parameters(self, of: Subject) -> Iterator[QueryParameter]:
        if of.said("archive"):
            condition = f"func.lower({of.model}.title).contains(value.lower(), autoescape=True)"
            yield QueryParameter(name="q", field=_TITLE, condition=condition, imports=(("sqlalchemy", "func"),))

    def orders(self, of: Subject) -> Iterator[SortOrder]:
        if of.said("archive"):
            yield SortOrder("length", (f"func.length({of.model}.title).asc()", f"{of.model}.id.asc()"))

    def refusals(self, of: Subject, operation: Operation) -> Iterator[Refusal]:
        if of.said("archive") and operation == "update":
            yield 409, "it is put away"

    def raises(self, of: Subject, operation: Operation) -> Iterator[Raised]:
        if of.said("archive") and operation == "update":
            yield "AppError", "It is put away."

    def routes(self, of: Subject) -> Iterator[EntityRoute]:
        if not of.said("archive"):
            return
        singular, parameter = of.entity.singular, item_parameter(of.entity)
        refused = ErrorCase(status=404, code="NOT_FOUND", when=f"there is no such {of.noun}")
        yield EntityRoute(
            endpoint=Endpoint(
                method="PUT",
                path=f"{item_path(of.entity)}/restored",
                auth_required=True,
                scopes="none",
                response_status=204,
                errors=(refused,),
            ),
            service=Code(
                (
                    "async def restore(db: AsyncSession, caller: User, record_id: int) -> None:",
                    '    """Bring a record back."""',
                    f"    mine = {of.model}.owner_id == caller.id",
                    f"    found = update_({of.model}).where({of.model}.id == record_id, mine)",
                    "    await db.execute(found.values(archived_at=None))",
                    "    await db.commit()",
                ),
                (("sqlalchemy", "update as update_"),),
            ),
            router=Code(
                (
                    "@router.put(",
                    f'    "/{{{parameter}}}/restored",',
                    f'    operation_id="restore_{singular}",',
                    "    status_code=status.HTTP_204_NO_CONTENT,",
                    "    responses=responses(401, 404),",
                    ")",
                    f"async def restore_{singular}(",
                    f"    db: DbSession, caller: CurrentUser, {parameter}: IdParameter",
                    ") -> None:",
                    '    """Bring a record back."""',
                    f"    await {module_name(of.entity.name)}_service.restore(db, caller, {parameter})",
                ),
            ),
        )

    def model(self, of: Subject) -> Code:
        return _code(
            of,
            "@property",
            "def archived(self) -> bool:",
            '    """Whether it is put away."""',
            "    return self.archived_at is not None",
        )

    def query_filter(self, of: Subject) -> Code:
        return _code(of, f".where({class_name(of.entity.name)}.archived_at.is_(None))")

    def constants(self, of: Subject) -> Code:
        return _code(of, "_log: Final = logging.getLogger(__name__)", imports=(("logging", ""), ("typing", "Final")))

    def arguments(self, of: Subject) -> Iterator[str]:
        if of.said("archive"):
            yield "archived_at=never"

    def before_create(self, of: Subject) -> Code:
        return _code(of, "never = None")

    def after_create(self, of: Subject) -> Code:
        return _code(of, "await db.flush()")

    def authorize(self, of: Subject, operation: Operation) -> Code:
        if operation != "update":
            return NOTHING
        return _code(of, "if record.archived:", "    raise Conflict", imports=(("app.core.exceptions", "Conflict"),))

    def before_update(self, of: Subject) -> Code:
        return _code(of, '_log.debug("changes %s", sorted(changes))')

    def after_update(self, of: Subject) -> Code:
        return _code(of, "await db.flush()")

    def before_delete(self, of: Subject) -> Code:
        return _code(of, '_log.debug("puts away %s", record.id)')

    def remove(self, of: Subject) -> Code:
        return _code(of, "record.archived_at = func.now()", imports=(("sqlalchemy", "func"),))

    def after_delete(self, of: Subject) -> Code:
        return _code(of, "await db.flush()")

    def committed(self, of: Subject, operation: Operation) -> Code:
        return _code(of, f'_log.info("{operation} of %s is stored", record.id)')

    def tests(self, of: Subject) -> Code:
        table = of.entity.table
        return _code(
            of,
            f"async def test_what_is_put_away_comes_back({table}: Collection, alice: AsyncClient) -> None:",
            f"    record = await {table}.create()",
            "    item = f\"{PATH}/{record['id']}\"",
            "    assert (await alice.delete(item)).status_code == HTTPStatus.NO_CONTENT",
            '    expect_error(await alice.get(item), 404, "NOT_FOUND")',
            '    assert (await alice.put(f"{item}/restored")).status_code == HTTPStatus.NO_CONTENT',
            '    assert expect(await alice.get(item), HTTPStatus.OK)["archived"] is False',
            imports=(("http", "HTTPStatus"),),
        )

    def controls(self, of: Subject) -> Code:
        return _code(
            of, "<BooleanValue value={record.archived} />", imports=(("../../components/values", "BooleanValue"),)
        )


ASPECT = ArchiveAspect()
