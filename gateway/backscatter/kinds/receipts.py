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
            "confirmaci[oó]n del? recep", "notificaci[oó]n de lectura", "devolver (?:recibo|avisu)",
            "avis d['’]ouverture",
            "ontvangstbevestiging", "potvrzení o přijetí", "potvrdenie o doručení", r"povratnica\b",
            "potvrda o primitku", "potrdilo o branju", r"(?:mottagar)?kvitt(?:o|ering)\b", "lukukuittaus",
            "olvasási visszaigazolás", "potwierdzenie otrzymania", "alındı onayı", "повідомлення про прочитання",
            "обратна разписка", "пацвярджэнне атрымання", "обавештење о приспећу", "confirmació de recepció",
            "notificación da entrega", "biên nhận", "发送回执", "郵件回條", "讀取回條", "읽음 확인",
            "returnează confirmare",
            r"patvirtinimas \(", "saņemšanas apstiprin", "αναφορά παράδοσης", "אישור קבלה", "إيصال الاستلام",
            "رسید دریافت", "tanda terima", "kättesaamiskinnitus",
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
            "dies ist eine empfangsbestätigung", "garantía de que el destinatario",
            "no garantiza que el destinatario",
            "destinatario del mensaje no quiere", "garantie que le destinataire", "garantie que le message sera lu",
            "n'a pas souhaité vous envoyer un accusé", "pourrait ne pas l'avoir lu", "garanzia che il destinatario",
            "garantia que o destinatário", "garantia de que o destinatário", "garantie dat de ontvanger",
            "garantie dat de geadresseerde", "gwarancji, że odbiorca", "гарантии, что получатель",
            "гарантий, что получатель", "не гарантирует того, что получатель", "вам уведомления о прочтении",
            "мог видеть или не видеть", "не гарантує того, що", "negarantuje, že zpráva", "zaručené, že príjemca",
            "garanti for at modtageren", "garanti for at mottak", "garanti att mottagaren",
            "vastaanottaja on myös lukenut", "hogy a címzett elolvasta", "că destinatarul a citit",
            "alıcının ileti içeriğini", "гаранција да је прималац", "garancije da je prima", "гаранция, че той е",
            "garantia que el destinatari", "persoa destinataria a lera", "επιβεβαιώνει ότι ο παραλήπτης",
            "jog gavėjas perskaitė", "ka saņēmējs ir izlasījis", "kirja tegelikult luges", "不表示收件人已经阅读",
            "保證收件者已閱讀", "받는 사람이 해당 메시지", "אינו מבטיח שהנמען", "ضمانات أن المستقبل",
            "تضمینی نیست که گیرنده",
            "không bảo đảm rằng người nhận", "tidak ada jaminan bahwa penerima", "prejemnik prebral ali razumel",
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
