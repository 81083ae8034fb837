"""What makes an attachment dangerous, or worth a word. Pure."""

import enum


class Kind(enum.StrEnum):
    """One kind. Its finding's symbol is ``symbol``."""

    EXECUTABLE = "executable"
    SCRIPT = "script"
    SHORTCUT = "shortcut"
    DISK_IMAGE = "disk_image"
    MACROS = "macros"
    ACTIVE = "active"
    ENCRYPTED = "encrypted"
    UNREADABLE = "unreadable"
    TYPE_LIES = "type_lies"
    NAME_LIES = "name_lies"

    @property
    def symbol(self) -> str:
        """The symbol of a finding that says so."""
        return f"ATTACHMENT_{self.name}"


# What each kind means, in words that people read.
MEANING: dict[Kind, str] = {
    Kind.EXECUTABLE: "an attachment, or what lies in it, is a program, by its content or by its name",
    Kind.SCRIPT: "an attachment, or what lies in it, is a script that a desktop runs when it is opened",
    Kind.SHORTCUT: "an attachment, or what lies in it, is a shortcut, which can start anything",
    Kind.DISK_IMAGE: "an attachment, or what lies in it, is an image of a disk, which hides where its files came from",
    Kind.MACROS: "a document holds macros",
    Kind.ACTIVE: "a document runs, loads or holds something else when it is opened",
    Kind.ENCRYPTED: "an archive or document is encrypted, so that nobody here can look into it",
    Kind.UNREADABLE: "an archive is corrupt, of a kind that can't be read, or beyond the bounds",
    Kind.TYPE_LIES: "the content is a program or an archive, and name or type call it a text, a picture or a PDF",
    Kind.NAME_LIES: "a name is made to be misread: a second extension, a turned direction of writing, many blanks",
}
