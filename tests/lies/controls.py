"""The control group: what the lies hide, in good form; and harmless mails, of which some are rare but right."""

from tests.lies.building import (
    EICAR,
    HARMLESS_TEXT,
    LETTER,
    PROGRAM,
    TEXT,
    VERSION,
    ZIP,
    Told,
    attachment,
    bare,
    base64_of,
    joined,
    message,
    mixed,
    part,
    printable_of,
    zipped,
)
from tests.lies.containers import tnef


def dangerous() -> Told:
    """Give well-formed mails that nobody may get."""
    yield "virus-in-zip", "The letter, as every mail program sends it", mixed(TEXT, LETTER)
    yield "virus", "The virus as a file", mixed(TEXT, attachment("letter.txt", EICAR, "text/plain"))
    yield "virus-in-text", "The virus is the text", bare(VERSION, "Content-Type: text/plain", body=EICAR + b"\r\n")
    encoding = "Content-Transfer-Encoding: quoted-printable"
    yield (
        "virus-printable",
        "The letter, quoted-printable",
        mixed(TEXT, part("Content-Type: application/zip", encoding, body=printable_of(ZIP))),
    )
    wrapped = part("Content-Type: message/rfc822", body=mixed(TEXT, LETTER, parameters="boundary=in", boundary="in"))
    yield "virus-forwarded", "The letter in a mail that was forwarded", mixed(TEXT, wrapped)
    yield (
        "virus-zip-in-zip",
        "The letter in an archive in an archive",
        mixed(TEXT, attachment("a.zip", zipped("letter.zip", ZIP))),
    )
    yield (
        "virus-in-tnef",
        "The letter in a winmail.dat",
        mixed(TEXT, attachment("winmail.dat", tnef("letter.zip", ZIP), "application/ms-tnef")),
    )
    for extension in (
        "exe",
        "scr",
        "js",
        "vbs",
        "lnk",
        "iso",
        "docm",
        "jar",
        "bat",
        "com",
        "hta",
        "ps1",
        "cmd",
        "msi",
        "wsf",
        "img",
    ):
        yield (
            f"named-{extension}",
            f"A file that ends in {extension}",
            mixed(TEXT, attachment(f"letter.{extension}", HARMLESS_TEXT)),
        )
    yield (
        "named-exe-in-zip",
        "A program in an archive",
        mixed(TEXT, attachment("letter.zip", zipped("letter.exe", HARMLESS_TEXT))),
    )
    forwarded = part("Content-Type: message/rfc822", body=mixed(TEXT, PROGRAM, parameters="boundary=in", boundary="in"))
    yield "named-exe-forwarded", "A program in a mail that was forwarded", mixed(TEXT, forwarded)


def harmless() -> Told:
    """Give well-formed mails that everybody may get."""
    html = part("Content-Type: text/html; charset=utf-8", body=b"<p>Here is the letter.</p>")
    picture = part(
        'Content-Type: image/png; name="p.png"',
        "Content-Transfer-Encoding: base64",
        "Content-ID: <p@other.test>",
        "Content-Disposition: inline; filename=p.png",
        body=base64_of(b"\x89PNG\r\n\x1a\n" + bytes(200)),
    )
    both = part("Content-Type: multipart/alternative; boundary=alt", body=joined("alt", TEXT, html))
    related = part(
        'Content-Type: multipart/related; boundary="rel"; type="text/html"', body=joined("rel", html, picture)
    )
    pdf = attachment("offer.pdf", b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n", "application/pdf")
    yield "text", "A text", bare(VERSION, "Content-Type: text/plain; charset=us-ascii", body=b"hello\r\n")
    yield "no-mime", "A text without a word of MIME", bare(body=b"hello\r\n")
    yield "html", "Text and HTML", mixed(both)
    yield "related", "HTML with a picture", mixed(related, parameters='boundary="outer"; charset="utf-8"')
    yield "pdf", "A document", mixed(both, pdf)
    yield (
        "zip",
        "An archive of pictures",
        mixed(TEXT, attachment("pictures.zip", zipped("p.png", b"\x89PNG\r\n\x1a\n" + bytes(200)), "application/zip")),
    )
    yield (
        "preamble",
        "Text before and behind the parts, as old mail programs wrote it",
        message(
            'Content-Type: multipart/mixed; boundary="b"',
            body=joined("b", TEXT, before=b"This is a multi-part message in MIME format.\r\n\r\n", behind=b"\r\n"),
        ),
    )
    yield (
        "boundary-with-signs",
        "A boundary of every sign that is allowed",
        mixed(TEXT, pdf, parameters='boundary="a\'()+_,-./:=? z"', boundary="a'()+_,-./:=? z"),
    )
    yield (
        "boundary-prefix",
        "The inner boundary begins with the outer one",
        message(
            "Content-Type: multipart/mixed; boundary=b",
            body=joined("b", part("Content-Type: multipart/alternative; boundary=b-1", body=joined("b-1", TEXT, html))),
        ),
    )
    yield (
        "names-long",
        "A long name in pieces, and in plain for old readers",
        mixed(
            TEXT,
            part(
                'Content-Type: application/pdf; name="=?utf-8?Q?Angebot_f=C3=BCr_B=C3=BCcher.pdf?="',
                "Content-Transfer-Encoding: base64",
                "Content-Disposition: attachment;",
                " filename*0*=utf-8''Angebot%20f%C3%BCr;",
                " filename*1*=%20B%C3%BCcher.pdf",
                body=base64_of(b"%PDF-1.4\n%%EOF\n"),
            ),
        ),
    )
    yield (
        "name-both",
        "A name in RFC 2231 and in plain",
        mixed(
            TEXT,
            part(
                'Content-Type: application/pdf; name="Bucher.pdf"',
                "Content-Transfer-Encoding: base64",
                "Content-Disposition: attachment; filename=\"Bucher.pdf\"; filename*=utf-8''B%C3%BCcher.pdf",
                body=base64_of(b"%PDF-1.4\n%%EOF\n"),
            ),
        ),
    )
    yield (
        "name-blanks",
        "A name with blanks and dots",
        mixed(TEXT, attachment("Offer v1.2 of 20. November (final).pdf", b"%PDF-1.4\n%%EOF\n", "application/pdf")),
    )
    yield (
        "signed",
        "A detached signature",
        message(
            'Content-Type: multipart/signed; micalg=pgp-sha256; protocol="application/pgp-signature"; boundary="s"',
            body=joined(
                "s",
                TEXT,
                part(
                    'Content-Type: application/pgp-signature; name="signature.asc"',
                    body=b"-----BEGIN PGP SIGNATURE-----\r\n\r\niQ==\r\n-----END PGP SIGNATURE-----",
                ),
            ),
        ),
    )
    yield (
        "calendar",
        "An invitation",
        mixed(
            both,
            part(
                'Content-Type: text/calendar; charset="utf-8"; method=REQUEST; name="invite.ics"',
                body=b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR",
            ),
        ),
    )
    yield (
        "forwarded",
        "A mail that was forwarded as a whole",
        mixed(
            TEXT,
            part(
                "Content-Type: message/rfc822",
                'Content-Disposition: attachment; filename="letter.eml"',
                body=mixed(TEXT, pdf, parameters="boundary=in", boundary="in"),
            ),
        ),
    )
    digest = message(
        "Content-Type: multipart/digest; boundary=d",
        body=joined("d", b"\r\n" + bare(body=b"one\r\n"), b"\r\n" + bare(body=b"two\r\n")),
    )
    yield "digest", "A digest", digest
    report = part(
        "Content-Type: message/delivery-status",
        body=b"Reporting-MTA: dns; other.test\r\n\r\nFinal-Recipient: rfc822; a@other.test\r\n"
        b"Action: failed\r\nStatus: 5.1.1",
    )
    yield (
        "report",
        "A report of a delivery",
        message(
            "Content-Type: multipart/report; report-type=delivery-status; boundary=r", body=joined("r", TEXT, report)
        ),
    )
    yield (
        "comment",
        "A comment where one is allowed",
        message(
            'Content-Type: text/plain (said so); charset="us-ascii"',
            "Content-Transfer-Encoding: 7bit (as it is)",
            body=b"hello\r\n",
        ),
    )
    yield (
        "printable",
        "Quoted-printable with long lines",
        message(
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            body=b"Gr=C3=BC=C3=9Fe und einen sch=C3=B6nen Tag noch, wir freuen uns auf den Besuc=\r\nh\r\n",
        ),
    )
    yield (
        "base64-text",
        "A text in base64",
        message(
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: base64",
            body=base64_of("Grüße und einen schönen Tag".encode()),
        ),
    )
    packed = base64_of(zipped("prices.txt", b"12.50\r\n")).replace(b"\r\n", b"")
    invoice = attachment("invoice.xml", b"<Attachment>" + packed + b"</Attachment>", "application/xml")
    yield "invoice", "An invoice in XML, with an archive in it", mixed(TEXT, invoice)
    picture = base64_of(b"\x89PNG\r\n\x1a\n" + bytes(200)).replace(b"\r\n", b"")
    page = attachment("report.html", b'<img src="data:image/png;base64,' + picture + b'">', "text/html")
    yield "page", "A page with a picture in it", mixed(TEXT, page)
    yield "no-last-line-end", "The end of the parts without a line end", mixed(both).removesuffix(b"\r\n")
    yield (
        "upper-case",
        "Everything in upper case that may be",
        message('CONTENT-TYPE: MULTIPART/MIXED; BOUNDARY="outer"', body=joined("outer", TEXT, pdf)),
    )
    yield "empty-part", "A part without a head", mixed(b"\r\nhello", pdf)
    yield (
        "code-in-text",
        "A text that speaks of begin, of dashes, and of fields",
        bare(
            VERSION,
            "Content-Type: text/plain",
            body=b"begin with this:\r\n\r\n--\r\nContent-Type: text/plain\r\nbegin 2 things\r\nend\r\n-- \r\nThem\r\n",
        ),
    )
