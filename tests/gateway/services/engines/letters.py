"""Messages for spam engines: ordinary ones, spam of one kind, and the test string."""

from gateway.mail.message import Content
from tests import samples

# In parts, so that no filter takes this file for what it describes.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
SPAM = "Win a luxury watch today, cheap replica pills and casino bonus money waiting for your lucky claim number {0}"
HAM = "The minutes of our garden club meeting are attached, please bring seeds and tools on Tuesday, regards Ann {0}"


def letter(text: str, number: int = 0) -> Content:
    """A message of a text, in which {0} becomes the number."""
    return samples.content(
        f"From: Ann <ann@shop.example>\r\nTo: info@example.test\r\nSubject: About number {number}\r\n"
        f"Date: Sat, 21 Nov 2026 07:00:00 +0000\r\nMessage-ID: <{number}.{abs(hash(text))}@shop.example>\r\n\r\n"
        f"{text.format(number)}\r\n".encode()
    )
