"""The words of virus notices: a scanner tells the forged sender what it found, or what it banned."""

from gateway.backscatter.kinds.wording import Wording
from gateway.backscatter.words import Kind

WORDING = Wording(
    kind=Kind.VIRUS_NOTICE,
    subjects=(
        (3, (
            r"(?:a )?virus in (?:your|a|the)\b", "a message with unchecked contents from you",
            "(?:ein )?virus in ihrer", "un virus dans votre", "un virus en su",
            (
                r"(?:\W{0,4}(?:warning|alert|notice|achtung|attention|important|undeliverable|"
                r"security)\W{0,4} *)?(?:(?:e-?)?mail )?virus(?:es)?(?: \S+)? (?:found|detected|alert|warning|"
                "in|to sender|notification|infect|report|scan|meldung|was)"
            ),
            "virus(?:warnung|meldung|alarm|fund)", "virenwarnung", "virenalarm",
            r"virus \(.{1,80}\) (?:in (?:your )?mail|from you|in)",
            "banned (?:contents?|file|or|name|attachment).{0,80}", "bad.?header .{0,60}from you",
            "(?:possible )?(?:spam|virus|infected|malware).{0,40} from (?:you|<you)",
            (
                ".{0,40}(?:you sent|sent by you|from you|your (?:message|mail|e-?mail)).{0,40}(?:virus|"
                "infected|malware|worm)"
            ),
            (
                r".{0,60}\b(?:norton|symantec|mcafee|groupshield|scan ?mail|interscan|mailsweeper|mailmarshal|"
                "antigen|trend micro|kaspersky|sophos|panda|f-secure|nav|rav|avast|bitdefender|mailscanner|"
                r"avg|clamav|clamsmtp|amavis|webshield|inflex|drweb|dr\.web|symantec avf)\b.{0,60}(?:virus|"
                "detected|found|alert|infect|quarantin|notification|results|blocked|failed to|unable|"
                "rejected|report|scan)"
            ),
        )),
        (2.5, (
            # In other languages: a virus in your mail; a virus was found; your mail holds a virus.
            (
                "(?:hay |hai |trovato )?(?:un|een|ett?|um|en) v[ií]rus (?:i|in|no|na|en|nel|dans|dins) (?:el |la )?"
                "(?:din|ditt|uw|su|tu|tuo|tua|túa|seu|sua|vostre|vòstre|votre)"
            ),
            r"virus (?:i|på|in|dans) (?:din|ditt|jeres|deres|uw|votre)\b",
            (
                r".{0,30}\b(?:détection de|detec[cç](?:ión|ão) de|detectado|rilevato|trovato|odeslal obsahuje|"
                r"obsahuje|conține|contine|zawiera|indeholder|innehåller|enthält|bevat|nalezen|zjist[eě]n) "
                r"(?:un |einen |et |ett |een )?v[ií]r(?:us)?\b"
            ),
            (
                r".{0,40}\bvirus (?:a [ée]t[ée] |ble |blev |er |wurde |är )?(?:détecté|detecte|detectad|ontdekt|"
                "festgestellt|gefunden|entdeckt|zist|zjist|fundet|funnet|hittat|upptäckt|rilevat|descoperit|"
                "detekter)"
            ),
            r"(?:on |levele? )?v[ií]rust \w+", r".{0,25}\b(?:viirus|birusa?)\b", r".{0,25}\bvirüs",
            r"viestiss.{0,6} on virus", r"υπάρχει ιός", r".{0,25}\b(?:ιός|ιό|ιού)\b", r".{0,25}\bvi-?rút\b",
            (
                "(?:infected|blocked|disallowed|dangerous|unsafe|forbidden|prohibited|banned|illegal|"
                "potentially dangerous|bad) (?:attachment|file|file ?type|content|filename|message|mail|"
                "e-?mail)"
            ),
            (
                "(?:attachment|content|file) (?:blocked|violation|removed|rejected|filter|stripped|deleted|"
                "type forbidden)"
            ),
            "content violation", r"\{?(?:virus|blocked content|filename|dangerous content)\?\}",
            "antivirus", "anti-virus", "avviso (?:di )?virus", "alerte? virus",
            "alerta de virus", "virus (?:rilevato|trovato|détecté|detectado|gevonden|encontrado|wykryty|обнаружен)",
            "mensagem bloqueada",
            "message (?:quarantined|deleted|contained? (?:a )?virus)",
            "mail (?:quarantined|contains? (?:a )?virus)", r"\[mailserver notification\]",
        )),
        # News speak of viruses as well: the text has to say more.
        (1.5, (
            r".{0,30}\b(?:wirus|вирус)", ".{0,20}(?:病毒|ウイルス|ウィルス|바이러스)",
        )),
    ),
    senders=(
        (1.5, (
            "anti-?virus", "virus[-_]?(?:scan|alert|check|admin)", "amavis", "mailsweeper", "mailmarshal",
            "mailscanner", "interscan", "scanmail", "security.?(?:scan|gateway)", "content[- ]?filter", "clamav",
            "groupshield", "avgate", "webshield", "viruswall", "antigen",
        )),
    ),
    phrases=(
        (3, (
            "our virus checker found", "our content checker found", "our virus detector",
            "found to contain a virus", "v i r u s", "please check your computer for viruses",
            "please check your system for viruses", "check your system for viruses", "enthielt einen virus",
            "contenait un virus", "contenía un virus", "conteneva un virus", "bevatte een virus", "zawiera wirusa",
            "содержит вирус", "viruschecker found a virus", "antivirus ha trobat", "antivirus detectó",
            "antivirus detectou", "antivirus ha trovato", "antivirus a détecté", "antivirus ha rilevato",
            "antivirus ha detectado", "contenait le virus", "conteniá lo virus", "virusscanner heeft een virus",
            "viruskontroll hittade", "wykrywacz wirusów", "обнаружила вирус", "обнаружил вирус", "virenscanner hat",
            "virenscanner wurde", "virusscanner reageerde", "detector de virus ha", "detektor virusov", "detektor viru",
            "mailscanner email virus scanner", "mailscanner e-mail-virus-scanner", "mailscanner - email virus scanner",
            "the virus detector said", "har opdaget virus", "har hittat virus", "har funnet virus", "viruseen",
            "viirusetõrje", "antibirusak",
            "ウイルス チェッカー", "ウイルスチェッカー", "viruskereső",
        )),
        (2.5, (
            "our virus scanner", "contained a virus", "the following virus", "the following viruses", "banned name",
            "banned filename", "banned attachment", "attachments are not permitted",
            "executable attachment", "ein virus gefunden", "enthält einen virus", "wurde ein virus",
            "viren gefunden", "contient un virus", "contiene un virus", "bevat een virus", "contém vírus",
            "passerelle antivirus",
            "detecção de vírus", "a détecté un virus", "vårt virusskydd",
            "enthielt potenziell gefährliche inhalte", "potencialmente peligroso que ha sido eliminado",
            "il sistema antivirus", "har fundet en virus", "indeholdt en virus",
            "innehöll ett virus", "obsahuje virus", "obsahovala virus",
        )),
        (2, (
            "our antivirus", "virus was found", "virus was detected", "virus has been detected",
            "virus has been found", "found the virus", "found to be infected", "contains a virus",
            "contains the virus", "contained the virus", "containing a virus", "infected with a virus",
            "is infected with", "was infected with", "infected attachment", "banned file", "blocked attachment",
            "attachment was blocked", "attachment type is not allowed",
            "potentially dangerous attachment", "virus gefunden", "virus a été", "wirusa o nazwie",
            "check your system for virus", "virus detector",
        )),
        (1.5, (
            "virusskanner", "virusscanner", "antivirus hat", "protección contra virus", "virus checker",
            "virus detected", "found virus",
            "infected file", "infected message", "infected with",
            "virus alert", "virus name", "virus found", "attachment was removed", "attachment was deleted",
            "mit einem virus", "virenscanner",
        )),
        (1, (
            "virus scanner", "scanned your message", "has been quarantined", "was quarantined", "disinfect",
            "vírus",
        )),
        (0.5, (
            "e-mail you sent", "message you sent", "you sent to", "wirus", "вирус", "ウイルス", "ウィルス", "病毒",
        )),
    ),
)  # fmt: skip
