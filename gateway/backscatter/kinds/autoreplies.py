"""The words of automatic replies: out of office, vacation, we have received your message."""

# ruff: noqa: RUF001 - words of many languages
from gateway.backscatter.kinds.wording import Wording
from gateway.backscatter.words import Kind

WORDING = Wording(
    kind=Kind.AUTOREPLY,
    subjects=(
        (4, (
            (
                r"(?:re: ?)?(?:\[?auto(?:matic|matically|mated)?[- ]?(?:generated )?(?:reply|response|"
                r"respon[ds]e?r?|answer|acknowledg\w*|email response)\]?|autoreply|autoresponse|"
                r"autorespon\w*)\b"
            ),
            (
                r".{0,80}(?:\(|\[|- ?)(?:auto-?(?:reply|response)|automatic reply|out of (?:the )?office|"
                "away from (?:the|my) (?:office|mail|desk|e-?mail)|on vacation|on leave|absence|"
                r"abwesend)(?:[)\]]|$)"
            ),
            (
                "(?:re: ?|aw: ?)?(?:i(?:'m| am| will be)? )?(?:currently )?(?:out[- ]of[- ](?:the |"
                "my )?office|away from (?:the|my) (?:office|mail|e-?mail|desk)|on (?:vacation|holiday|"
                r"annual leave|leave|maternity leave|sabbatical)|not in the office|i am away|i'm away)\b"
            ),
            r"(?:automatische|autom\.) (?:antwort|e-?mail-?antwort|rückantwort)", r"abwesenheit\w*",
            r".{0,50}\(?abwesend", "ich bin (?:im urlaub|nicht im|abwesend)", ".{0,30}nicht im (?:büro|haus)",
            "urlaubs(?:vertretung|benachrichtigung|meldung)", "eingangsbestätigung", "empfangsbestätigung ihrer",
            "r[ée]ponse automatique", "(?:notification|message|avis) d'absence", "absence? du bureau",
            r"absent\(?e?\)? du bureau", "je suis (?:absent|en congé|en vacances)", r"absence\b",
            "accusé de réception automatique", "respuesta autom[aá]tica", "fuera de (?:la )?oficina", "ausente de",
            "(?:estoy|me encuentro) (?:de vacaciones|ausente|fuera)", "ausencia", "autorespuesta",
            "auto ?respuesta", "risposta automatica", "(?:sono )?fuori (?:ufficio|sede)", "assente",
            "assenza dall'ufficio", "messaggio automatico", "resposta autom[aá]tica", "fora do escrit[oó]rio",
            "aus[eê]ncia (?:tempor[aá]ria|do)", "estou de f[eé]rias", "estou ausente",
            "automatisch(?:e)? (?:antwoord|reactie|bericht)", "afwezig(?:heid)?", "niet aanwezig", "buiten kantoor",
            "ontvangstbevestiging", "automatyczna odpowied", "odpowied[zź] automatyczna", "autoodpowied",
            "autoresponder", "nieobecno[sś]", "jestem na urlopie", r"urlop\b", "автоматический ответ",
            r"автоответ\w*", "авто-?ответ", "автоматическое (?:сообщение|уведомление)", "нет на месте", "в отпуске",
            "отсутств", "automatick[aá] odpov[eě][dď]", "mimo kancel", "nep[rř][ií]tomnost",
            "automatikus v[aá]lasz", "h[aá]zon k[ií]v[uü]l", "r[aă]spuns automat", "avtomatski odgovor",
            "automatski odgovor", "automatinis", "automaatvastus", "automātisk", "auto(?:matiskt )?svar",
            "autosvar", "automatisk(?:t)? svar", "fr[aå]nvaro", "fravær", "ikke på kontor", "på semester",
            "automaattinen vastaus", "poissaolo", "poissa toimistosta", "lomalla", "otomatik (?:yan[ıi]t|cevap)",
            "ofis d[ıi][sş][ıi]nda", "αυτόματη απάντηση", "εκτός γραφείου", "תשובה אוטומטית", "רد تلقائي",
            "الرد التلقائي", "رد تلقائي", "自动(?:回复|答复)", "自動(?:回覆|回復|回信|返信|応答)",
            "不在(?:通知|のお知らせ|連絡|届)?", "外出中", "休假", r"\[?自動応答", "자동 ?(?:회신|응답|답장)",
            "부재중", "부재 중",
        )),
        (3, (
            r"(?:re: ?)?\(?(?:auto(?:reply|response)?|ooo|oof)[:)] ",
            "(?:re: ?)?vacation (?:reply|message|notice|response|auto)",
            ".{0,60}vacation (?:reply|auto ?response|notification)", "out of office", "yahoo! auto response",
            r"your (?:message|e-?mail|mail) (?:has been|was) received\b",
        )),
        (2.5, (
            (
                "(?:thank you|thanks) for (?:your (?:e-?mail|message|mail|enquiry|inquiry)|contacting|"
                "e-?mailing|writing)"
            ),
        )),
        (2, (
            "(?:we (?:have )?received|receipt of|acknowledge?ment of) your (?:e-?mail|message|mail)",
        )),
    ),
    phrases=(
        (3, (
            "i am currently out of the office", "i'm currently out of the office", "i am out of the office",
            "i'm out of the office", "this is an automatic reply", "this is an automated reply",
            "this is an automatic response", "this is an automated response", "automatically generated reply",
            "je suis actuellement absent",
        )),
        (2.5, (
            "i will be out of the office", "i'll be out of the office", "i am on vacation", "i'm on vacation",
            "i am on holiday", "ich bin im urlaub", "automatische antwort", "je suis absent", "réponse automatique",
            "absent du bureau", "fuera de la oficina", "respuesta automática", "fuori ufficio",
            "risposta automatica", "fora do escritório", "resposta automática", "automatisch antwoord",
            "automatyczna odpowied", "jestem nieobecn", "автоматический ответ", "olen lomalla", "自动回复",
            "自动答复", "自動回覆", "自動返信", "自動応答",
        )),
        (2, (
            "out of the office", "out of office", "away from the office", "on annual leave", "on maternity leave",
            "am currently away", "limited access to e-mail", "limited access to email", "limited access to my e",
            "upon my return", "automatic response", "automated response", "automatic reply", "automated reply",
            "auto-reply", "autoreply", "auto reply", "autoresponder", "auto-responder", "auto responder",
            "auto-response", "autoresponse", "your message has been received", "your email has been received",
            "your e-mail has been received", "ich bin derzeit nicht", "nicht im büro", "nicht im hause",
            "wieder erreichbar", "meiner abwesenheit", "al mio rientro", "mijn afwezigheid", "na urlopie",
            "poza biurem", "wiadomość automatyczn", "в отпуске", "автоответ", "буду отсутствовать",
            "ikke på kontoret", "inte på kontoret", "autosvar", "poissa toimistosta", "mimo kancelář", "부재중",
        )),
        (1.5, (
            "not in the office", "on vacation", "away until", "no access to e", "will return on", "when i return",
            "back in the office", "return to the office", "until i return", "we have received your",
            "will be read when", "no longer with the company", "this mailbox is not monitored",
            "mailbox is unattended", "in my absence", "during my absence", "außer haus", "ausser haus",
            "bin ich wieder", "automatisch generiert", "automatisch erzeugt", "ihre nachricht wird nicht",
            "ihre e-mail wird nicht", "nicht weitergeleitet", "en congé", "en vacances", "mon absence",
            "mon retour", "de vacaciones", "mi ausencia", "in ferie", "de férias", "minha ausência",
            "niet aanwezig", "afwezig", "met vakantie", "nieobecno", "på semester", "automaattinen", "dovolen",
            "szabadság", "不在", "休暇", "休假", "已收到您", "otomatik",
        )),
        (1, (
            "on holiday", "on leave", "am away", "automated message", "automated email", "automatic message",
            "automatically generated", "i have received your", "has received your", "will read your",
            "thank you for your e", "thank you for your message", "thank you for contacting",
            "will get back to you", "no longer work", "has left the company", "mi regreso", "меня нет", "자동",
        )),
        (0.5, (
            "do not reply to this", "as soon as possible", "for urgent", "generowan",
        )),
    ),
)  # fmt: skip
