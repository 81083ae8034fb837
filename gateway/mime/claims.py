"""What the names of an attachment, and the type that it is declared to have, say; and whether they lie. Pure."""

from collections.abc import Iterable, Sequence

from gateway.mime.endings import HARMLESS
from gateway.mime.kinds import Kind
from gateway.mime.names import extension, kind_of, lie_of, normal, shown

BY_NAME = "by its name"
# Documents that are archives inside.
_ZIPPED = frozenset({"docx", "xlsx", "pptx", "doc", "xls", "ppt", "odt", "ods", "odp"})
_ARCHIVES = frozenset(
    {
        "application/zip",
        "application/vnd.rar",
        "application/x-7z-compressed",
        "application/gzip",
        "application/x-bzip2",
        "application/x-xz",
        "application/vnd.ms-cab-compressed",
        "application/x-lha",
        "application/x-arj",
        "application/x-ace-compressed",
        "application/x-tar",
        "application/java-archive",
    }
)
_HIDDEN = frozenset({Kind.EXECUTABLE, Kind.DISK_IMAGE, Kind.SHORTCUT})
_DECLARED = ("text/", "image/", "audio/", "video/", "application/pdf")


def by_names(names: Iterable[str]) -> dict[Kind, str]:
    """Give the kinds that names make of an attachment, each with the detail in words."""
    kinds: dict[Kind, str] = {}
    for name in names:
        if kind := kind_of(name):
            kinds.setdefault(kind, BY_NAME)
        if lie := lie_of(name):
            kinds.setdefault(Kind.NAME_LIES, lie)
    return kinds


def type_lie(content: str, kind: Kind | None, names: Sequence[str], declared: Sequence[str] = ()) -> str:
    """Say how names, or the declared types where names say nothing, lie about content; empty where they do not.

    ``content`` is the type that the content has, ``kind`` what it makes of the attachment.
    """
    archive = content in _ARCHIVES
    if not archive and kind not in _HIDDEN:
        return ""
    for name in names:
        said = extension(normal(name))
        if said in HARMLESS and not (archive and said in _ZIPPED):
            return f"it is {content}, which its name {shown(name)} hides"
    if not any(extension(normal(name)) for name in names):
        claimed = next((each for each in declared if each.startswith(_DECLARED)), "")
        if claimed and claimed == declared[0]:
            return f"it is {content}, and declared {claimed}"
    return ""
