"""What the ending of a file name says about the file: the one list of all who look at names. Pure.

An ending is what stands behind the last dot, lower-case.
"""

from gateway.mime.kinds import Kind

_EXECUTABLE = (
    "exe com scr pif cpl dll sys ocx drv vxd msi msp mst msix msixbundle appx appxbundle appinstaller application jar "
    "jnlp chm hlp gadget apk app xbap xll wll diagcab msu bpl air pkg pyz pyzw elf"
)
_SCRIPT = (
    "bat cmd js jse vbs vbe vb wsf wsh wsc ws sct hta ps1 ps1xml ps2 psc1 psd1 psm1 cdxml msh mshxml msc reg inf ins "
    "isp jsx ade adp mde mda its shb shs appref-ms diagpack command workflow terminal action csh ksh pyw theme "
    "themepack deskthemepack"
)
_SHORTCUT = "lnk url scf website library-ms search-ms searchconnector-ms settingcontent-ms webloc rdp desktop xnk udl"
_DISK_IMAGE = "iso img vhd vhdx vmdk vdi dmg udf wim nrg mdf"
_MACROS = "docm dotm xlsm xltm xlam pptm potm ppam ppsm sldm iqy dqy oqy rqy slk xla ppa"
# What may run or load something, and ordinary mail has too: it counts where readers do not agree on it.
_ACTIVE = "asp aspx bas bin class crt htm html mht mhtml one prf py sh shtml svg swf xht xhtml xlm xlsb"
_ARCHIVES = "7z ace arj bz2 cab gz lha lz lz4 lzh lzma r00 rar tar tbz tbz2 tgz txz tzst xz z zip zipx zst"
_ENCODED = "b64 bhx hqx mim ntx uu uue xx xxe ync"
_ZIPPED = "docx docm xlsx xlsm pptx pptm jar"
_HARMLESS = (
    "txt text log csv pdf doc docx xls xlsx ppt pptx odt ods odp rtf jpg jpeg jpe png gif bmp tif tiff webp heic svg "
    "htm html xml mp3 wav ogg flac mp4 mov avi mkv eml ics vcf md json yml yaml"
)
_SEEN = "aac asc bmp eml gif heic ics jfif jpe jpeg jpg m4a mov mp3 mp4 ogg p7s pem png sig tif tiff txt vcf wav webp"
_LOADED = "htm html shtml svg xht xhtml xml fodt fods ical ics ifb vcs vcf"


def _words(*texts: str) -> frozenset[str]:
    """Give the words of texts."""
    return frozenset(" ".join(texts).split())


# What an ending says by itself, wherever the file is.
EXTENSIONS: dict[str, Kind] = {
    ending: kind
    for kind, endings in (
        (Kind.EXECUTABLE, _EXECUTABLE),
        (Kind.SCRIPT, _SCRIPT),
        (Kind.SHORTCUT, _SHORTCUT),
        (Kind.DISK_IMAGE, _DISK_IMAGE),
        (Kind.MACROS, _MACROS),
    )
    for ending in endings.split()
}
PROGRAMS = _words(_EXECUTABLE, _SCRIPT, _SHORTCUT, _MACROS, _ACTIVE)
ARCHIVES = _words(_ARCHIVES, _DISK_IMAGE)
# Files of other mail programs' encodings, which programs for archives undo.
ENCODED = _words(_ENCODED)
RUNS_OR_HOLDS = PROGRAMS | ARCHIVES | ENCODED
# What is an archive inside, or called one.
OPENED = _words(_ARCHIVES, _DISK_IMAGE, _ZIPPED)
# What people take for a document, a picture, a sound, a text: what else it says in front of a program's is a lie.
HARMLESS = _words(_HARMLESS)
# Pictures, sounds, texts and signatures: who hides one hides no program.
SEEN = _words(_SEEN)
# Whole messages, and folders of them.
SAVED = _words("eml mht mhtml mbox mbx")
# What a browser, an office or a calendar loads, with the files that stand encoded in it.
LOADED = _words(_LOADED)


def ending_of(name: str) -> str:
    """Give what stands behind the last dot of a name, lower-case."""
    return name.rpartition(".")[2].strip().lower() if "." in name else ""
