"""How much of an issue's shadow a translation needs."""

from collections.abc import Iterable

from backbone.model import Cell, Cells, Value
from backbone.replication.mapping.references import names_a_file
from backbone.replication.merge import Register
from backbone.service.endpoint import Endpoint
from backbone.store.shadows import Book


def shadow_for(
    ep: Endpoint, book: Book, gid: str, cells: Iterable[Cell], local: Cells, said: Iterable[Value] = ()
) -> dict[Cell, Register]:
    """The registers of the issue's fields and of these comments and attachments; every one where a text may name a file
    of the issue. ``local`` are cells that go out, ``said`` agreed values that come.
    """
    shadow = book.fields(gid, cells)
    known = [register.value for register in shadow.values()]
    if ep.theirs.translation.needs_files(local, ep.schema) or any(map(names_a_file, (*said, *known))):
        return book.load_whole(gid)
    return shadow
