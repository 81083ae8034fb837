"""The words of receipts: the message was read, deleted unread, or arrived."""

# ruff: noqa: RUF001 - words of many languages
from gateway.backscatter.kinds.wording import Wording
from gateway.backscatter.words import Kind

WORDING = Wording(
    kind=Kind.RECEIPT,
    subjects=(
        (3, (
            "successful mail delivery report", r"mail delivery status report \(success",
            (
                r"(?:read(?: receipt)?(?: \(.{1,10}\))?|not read|read receipt|displayed|"
                r"return receipt(?: \(displayed\))?|gelesen|ungelesen gelöscht|lu|non lu|le[ií]do|no le[ií]do|"
                "letto|non letto|lida|n[aã]o lida|gelezen|niet gelezen|læst|läst|lest|luettu|przeczytan[eyo]|"
                "прочитано|přečteno|elolvasva|okundu|開封済み|已读|已讀|읽음) ?[:：-]"
            ),
            r"return receipt\b", "read receipt", "receipt (?:notification|confirmation)",
            "disposition notification", "message (?:read|displayed) notification", "message disposition",
            "confirmation of (?:reading|delivery|receipt)", "lesebestätigung", "empfangsbestätigung",
            "confirmation de lecture", "accusé de (?:lecture|réception)",
            "(?:acuse|confirmaci[oó]n) de (?:lectura|recibo)", "conferma di lettura",
            "ricevuta di (?:lettura|ritorno)", "(?:confirmação|recibo) de leitura", "leesbevestiging",
            "potwierdzenie (?:przeczytania|odczytu|odbioru)", "подтверждение прочтения", "уведомление о прочтении",
            "開封確認", "阅读回执", "回执", "已读回执",
        )),
        (2.5, (
            (
                "(?:relayed|delivered|successful delivery|delivery (?:confirmation|successful|success|"
                r"receipt|notification \(success\)))\b[: ]?"
            ),
            r"delivery status notification ?\(success\)", "zugestellt:", "remis ?:", "entregado:", "consegnato:",
            r"delivery report \(success",
        )),
    ),
    phrases=(
        (3, (
            "your message was successfully delivered", "delivered to the destination",
            "this is a return receipt for", "this receipt verifies that the message has been displayed",
            "this is a receipt for the", "no guarantee that the message has been read or understood",
            "has been displayed on the recipient", "was deleted without being read",
            "dies ist eine empfangsbestätigung",
        )),
        (2.5, (
            "your message was read", "has been successfully delivered", "was successfully delivered",
            "successfully delivered to", "successfully relayed to", "your message has been delivered to",
        )),
        (2, (
            "was read on", "was read by", "was displayed on", "your message has been delivered",
            "delivery complete", "wurde gelesen", "a été lu", "a été affiché", "fue leído", "è stato letto",
            "gelezen op",
        )),
        (1.5, (
            "return receipt", "read receipt", "wurde angezeigt",
        )),
        (1, (
            " gelesen", "a été lu", "se leyó", "foi lida", "is gelezen", "przeczytan", "прочитан", "已读", "已讀",
            "開封", "have read your message", "receipt for the message", "was opened",
        )),
    ),
)  # fmt: skip
