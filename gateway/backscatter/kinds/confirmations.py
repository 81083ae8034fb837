"""The words of list confirmations: somebody, perhaps you, asked to join or to leave a mailing list."""

from gateway.backscatter.kinds.wording import Wording
from gateway.backscatter.words import Kind

WORDING = Wording(
    kind=Kind.CONFIRMATION,
    subjects=(
        (5, (
            r"confirm [0-9a-f]{16,64}\b",
        )),
        (4, (
            r"(?:please )?confirm (?:your )?(?:un)?subscri(?:be|ption) (?:to|from)\b",
            "confirm(?:er|ez) votre (?:d[ée]s)?abonnement", "confirmar (?:(?:la|su) )?(?:des-?)?suscripci[oó]n",
            r"conferma (?:iscrizione|rimozione|cancellazione|disiscrizione)\b",
            "confirmaç[aã]o (?:de|da) (?:cancelamento da )?(?:subscriç|inscriç|assinatura)",
            "(?:anmelde|abmelde)bestätigung",
            r"potvr(?:zen|den)\w* (?:p[rř]ihl[aá][sš]|odhl[aá][sš]|odb[eě]r|registr)",
            "vahvista (?:liittyminen|eroaminen|tilaus)", "επιβεβαίωση (?:εγγραφής|διαγραφής)", "确认(?:取消)?订阅",
            "確認(?:取消)?訂閱", "bekr[aæä]ft.{0,20}(?:prenumeration|tilmelding|abonnement)",
            r"(?:um)?potwierd\w+ (?:zapis|wypis|subskryp)", "購読(?:の)?確認", "登録(?:の)?確認",
            "подтвердите (?:подписку|отписку)",
            "your (?:confirmation|approval) is (?:needed|required) to (?:join|leave|subscribe|unsubscribe|be)",
        )),
        (3.5, (
            (
                "(?:please )?confirm(?:ation)?:? (?:of |for |your |the |"
                r"that you )?(?:e-?mail )?(?:subscri\w+|unsubscri\w+|sign-?off|opt-?in|signup for|membership|"
                "(?:request|registration|invitation) (?:to|for) (?:join|subscribe|unsubscribe|the list))"
            ),
        )),
        (3, (
            (
                # "New subscription request" is what the list's owner gets.
                r"(?!new ).{0,80}\b(?:subscri\w+|unsubscri\w+|sign-?off|mailing list|"
                r"newsletter)(?: to \S+)? (?:confirmation|confirm|request|needs? confirmation|verification|"
                r"bestätig\w*)"
            ),
            ".{0,50}confirmation (?:of|for|to) (?:your )?(?:list )?(?:subscri|unsubscri|sign)",
            "(?:command|list|moderation)? ?confirmation request", "command confirmation",
            (
                "(?:subscribe|unsubscribe|signoff|subscription|unsubscription) (?:request )?(?:to |for |"
                r"from )?\S*(?: request)?:? ?(?:confirm|authenti)"
            ),
            (
                "(?:bitte )?(?:bestätigen|bestätigung).{0,40}(?:abonnement|newsletter|anmeldung|mailingliste|"
                "eintragung|bestellung des newsletters|abmeldung)"
            ),
            "newsletter-?(?:anmeldung|bestellung|abo)", "(?:ihre )?anmeldung (?:zum|zu unserem|für den) newsletter",
            r"(?:confirm\w*|validez|validation).{0,30}(?:inscription|abonnement|d[ée]sabonnement)",
            r"confirm\w+.{0,30}(?:suscripci|inscripci|baja|iscrizion|inscriç|assinatura)",
            r"(?:bevestig\w*).{0,30}(?:aanmelding|inschrijving|abonnement)",
            r"potwierd\w+.{0,30}(?:subskryp|zapis|prenumer)", r"подтвер\w+.{0,30}(?:подпис|рассыл)",
            r"подписк\w+.{0,30}подтвер",
        )),
        (2.5, (
            "auth [0-9a-f]{6,40} ", r"(?:re: ?)?(?:un)?subscribe (?:confirm|\S{1,60} (?:confirm|auth))",
            "confirm (?:un)?(?:subscribe|subscription)",
            "please confirm (?:your )?(?:request|invitation|joining|that you (?:want|wish) to)",
            "majordomo (?:request )?(?:confirmation|results)", "you have been invited to join",
            "invitation to (?:join|subscribe)", ".{0,40}購読.{0,10}確認", ".{0,30}订阅.{0,10}确认",
            ".{0,30}確認.{0,10}登録",
        )),
    ),
    senders=(
        (1, (
            r"-confirm(?:\+\S+)?@", "[-+]request@", "-subscribe@", "majordomo", "mailman", "listserv", "sympa",
            "ecartis", "listar", "ezmlm", "mlmmj", "lists?-owner", "-owner@", "-bounces@", "-help@", "confirm-",
        )),
    ),
    phrases=(
        (3, (
            "for subscription of your email address", "for the removal of your email address",
            "to confirm that you want to be added", "to confirm that you want to be removed",
            "if you do not wish to be subscribed", "wish to be subscribed to this list",
            "mailing list subscription confirmation", "email address registration confirmation",
            "to confirm your subscription", "confirm your unsubscription", "keeping the subject header intact",
            "send your reply to this address", 'usually, this happens when you just hit the "reply" button',
        )),
        (2.5, (
            "to be added to this mailing list", "your request to subscribe", "confirm your subscription",
            "confirm the subscription", "confirm this subscription", "confirm your newsletter", "ezmlm program",
            "newsletter bestätigen", "confirmer votre inscription", "confirmer votre abonnement",
            "confirmar su suscripción", "confermare l'iscrizione", "confirmar sua inscrição",
        )),
        (2, (
            "your request to join", "subscribe request", "unsubscribe request",
            "asked to subscribe", "asked to be subscribed", "you have been invited to join", "confirm your request",
            "simply reply to this message", "empty reply", "subject intact", "simply disregard",
            "disregard this message", "anmeldung bestätigen", "anmeldung zu bestätigen",
        )),
        (1.5, (
            "we have received a request from", "requested subscription", "wants to subscribe",
            "be unsubscribed from", "reply to this message", "authentication key", "visit this web page",
            "ignore this message", "maliciously", "mailingliste", "liste de diffusion", "lista de correo",
            "lista de discussão", "購読", "订阅", "mailinglijst", "subskryp",
        )),
        (1, (
            "we have received a request", "received a request", "subscription request", "mailing list",
            "subscription to the",
            "your subscription", "be subscribed to", "be added to the", "be added to", "be removed from",
            "invited to join", "invitation to join", "confirm your registration", "confirm that you", "to confirm",
            "please confirm", "please reply to this", "just reply", "send a reply", "reply to this email",
            "following url", "simply ignore", "ignore this e", "without your knowledge", "did not request",
            "did not ask", "didn't request", "list manager", "list server", "listserv", "abonnieren",
            "lista di distribuzione", "подтвер", "подпис", "рассыл",
        )),
        (0.5, (
            "subscribe to the", "to join the", "has been requested", "unsubscribe from", "confirmation",
            "authorization", "authentication", "auth ", "click the link", "click on the link", "following link",
            "someone else", "listę", "listy",
        )),
    ),
)  # fmt: skip
