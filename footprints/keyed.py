"""Rows named by their keys, thousands at a time."""

from django.db.models import BooleanField, F, Func


class AnyOf(Func):
    """`AnyOf("pk", keys)`: whether the field is one of these whole numbers; an empty list is none.

    One array in the statement, where `pk__in` writes and reads ten thousand parameters.
    """

    conditional = True
    output_field = BooleanField()

    def __init__(self, name, keys):
        super().__init__(F(name))
        self.keys = list(keys)

    def as_sql(self, compiler, connection, **extra):
        field, params = compiler.compile(self.source_expressions[0])
        return f"{field} = ANY(%s::bigint[])", [*params, self.keys]
