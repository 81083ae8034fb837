"""The words of challenges: prove that you are human, then your message will be delivered."""

# ruff: noqa: RUF001 - words of many languages
from gateway.backscatter.kinds.wording import Wording
from gateway.backscatter.words import Kind

WORDING = Wording(
    kind=Kind.CHALLENGE,
    subjects=(
        (3.5, (
            r".{0,120}\bpas-cookie-\d+$",
            (
                r"(?:your )?(?:e-?mail|message|mail)(?: to \S+)? (?:requires|needs|awaits|is awaiting|"
                "is waiting for|is pending|pending|held for) (?:your )?(?:verification|confirmation|approval|"
                "authori[sz]ation|authentication|a reply)"
            ),
        )),
        (3, (
            r"confirm your message for (?:the )?list\b",
            "ihre nachricht (?:für|an) (?:die )?liste .{1,60} bestätigen",
            "confirmar? (?:tu|su|el) mensaje para la lista", "confirme[rz] votre message pour la liste",
            "conferma il (?:tuo|suo) messaggio per la lista", "confirma a t[uú]a mensa[xg]em?",
            "bevestig (?:uw|je) bericht voor", "confirme (?:a )?sua mensagem para a lista",
            "подтвердите (?:ваше|свое|своё) (?:сообщение|письмо)", "bekräfta ditt (?:meddelande|brev)",
            "potwierdź (?:swoją )?wiadomość",
            "potvr(?:ďte|dit|zen)[a-zíě ]{0,12}zpráv", "bekreft meldingen", "vahvista viestisi",
            "erősítse meg .{1,60} (?:levelét|üzenetét)",
            ".{1,60}(?:宛て?の|への)メッセージを確認", "请确认您(?:发送)?的(?:邮件|消息)", "請確認您的(?:郵件|訊息)",
            r".{0,60}\(verification\)$", ".{0,60}resposta de confirma", r"please confirm \(conf#",
            "your message (?:is )?awaiting (?:verification|confirmation)",
            (
                r"(?:re: ?)?(?:please |you must |action required: ?|\W{0,3})?(?:confirm|verify|authenticate|"
                "authorize|validate)(?:ation)?(?: of)? (?:your |the |this |that you sent (?:this |a |"
                "the )?)?(?:message|mail|e-?mail|e-?mail message|delivery|email delivery|email to|message to|"
                r"identity)\b(?! address| account)"
            ),
        )),
        (2.5, (
            "unverified e-?mail to ",
            (
                "(?:sender|email|e-mail) (?:verification|authentication|authori[sz]ation) (?:required|"
                "request|needed)"
            ),
            "verify:", "confirmation required", r".{0,60}\[qurb .\d+\]",
            "(?:reply|response) (?:required|needed)[: ]",
            "(?:bitte )?(?:bestätigen sie|bestätigung) (?:ihre[rs]? |der )?(?:nachricht|e-?mail)",
            "confirmez votre (?:message|e-?mail)", "confirme su (?:mensaje|correo)",
            "confirma(?:ção|r) (?:de |do |seu )?(?:e-?mail|mensagem)", "antispam uol",
        )),
        (2, (
            "confirm [0-9a-f]{16,64}$",
            "(?:anti-?spam|spam) (?:verification|confirmation|protection|challenge|filter)", "challenge",
            "one[- ]time (?:verification|confirmation)", "please (?:resend|register)",
            "request for (?:permission|authorization)",
        )),
    ),
    senders=(
        (2, (
            "challenge", "boxbe", "spamarrest", "antispam uol", "mailinblack", "bluebottle", "[-+]confirm[-+@]",
            "spamlion", "sendio", "tmda", "whitelist", "verify@", "knowspam", "0spam", "vanquish", "choicemail",
            "qurb", "spamblock", "captcha",
        )),
    ),
    phrases=(
        (3, (
            "need to be authenticated", "needs to be authenticated", "include the authentication key",
            "to distribute the attached message",
            "diffuser le message ci-joint", "beigefügte nachricht an die liste", "distribuir en la lista",
            "distribuir el missatge", "distribuír a mensaxe", "distribuir a mensagem", "difusar lo messatge",
            "distribuire alla lista", "bericht te distribueren", "distribuera det bifogade",
            "distribuere den vedlagte", "distribuere den vedhæftede", "rozesłać załączoną wiadomość",
            "разослать вложенное", "розіслати вкладене", "διανομή του επισυναπτόμενου", "kaasapandud kiri",
            "erantsitako mezua", "mellékelt üzenet", "メーリングリストへ配信した", "添付のメッセージを",
            "分发附件中", "發送附件中", "rozeslat přiloženou", "rozdistribuovat přiloženou",
            "jakaaksesi liitteenä", "liitteenä olevan viestin", "răspândi mesajul",
            "your message will not be delivered until", "is now using boxbe", "active spam killer",
            "tagged message delivery agent", "boxtrapper",
        )),
        (2.5, (
            "will not be delivered until", "being held until", "to have your message delivered",
            "only have to do this once", "only need to do this once", "need to do this only once",
            "challenge-response", "challenge/response", "mailinblack", "choicemail", "zugestellt, sobald",
        )),
        (2, (
            "so that i can receive your e", "to verify yourself again", "senders i have approved",
            "my list of approved senders", "short request form", "para que sua mensagem seja", "vous authentifier",
            "votre message me sera", "votre message sera remis", "placed in a queue because", "real live human",
            "just this once", "has not been verified", "not junk-mail", "confirmação de envio", "is held until",
            "held pending", "in order for your message", "in order for your e", "in order to deliver",
            "to release your message", "release your message", "will then be delivered", "prove that you",
            "prove you are", "you are human", "you're human", "are a human", "a real person", "just reply to this",
            "simply reply to this", "confirm your message", "sender verification", "only be asked once",
            "approved senders", "approved sender list", "allowed senders", "guest list", "spam arrest",
            "spamarrest", "tmda", "uol antispam", "sendio",
        )),
        (1.5, (
            "mit folgendem betreff", "con el siguiente asunto", "amb el següent assumpte", "co seguinte asunto",
            "com o seguinte assunto", "avec comme sujet", "avec le sujet suivant", "amb lo subjècte",
            "con il seguente oggetto",
            "met het volgende onderwerp", "följande ämnesrad", "med følgende emne", "z następującym tematem",
            "со следующей темой",
            "με το ακόλουθο θέμα", "järgmise teemareaga", "gai honekin", "következő tárggyal", "次の件名で",
            "s následujícím předmětem",
            "με θέμα", "以下主题", "以下主題", "end of subject header", "resend your message",

            "is being held", "has been held", "is on hold", "before your message", "before your e",
            "to deliver your message", "to ensure delivery", "messages will be delivered", "confirm that you are",
            "confirm you are", "verify that you are", "verify you are", "not a spammer", "not a machine",
            "simply reply", "confirmation process", "verification process", "list of allowed", "list of approved",
            "whitelist", "white list", "not recognize", "does not recognise", "unknown sender", "control spam",
            "boxbe", "bluebottle", "spamschutz", "wird zugestellt",
        )),
        (1, (
            "with the following subject:", "cliquer sur le lien", "clique aqui", "allow incoming messages only",
            "to control spam",
            "i apologize for this automatic reply", "has been waitlisted", "your message is legitimate",
            "leave the subject line intact", "so i can receive", "add yourself to my",
            "has not been delivered because", "waiting for your", "awaiting your", "so that your message",
            "will be delivered", "not a robot", "isn't spam", "is not spam", "human being", "please reply to this",
            "reply to this message", "reply to this e", "click the link", "click on the link",
            "clicking on the link", "clicking the link", "follow this link", "following web page",
            "confirmation message", "confirmation request", "authentication process", "one-time", "one time",
            "my list of", "don't recognize", "first time you", "not in my", "not on my", "not yet on", "anti-spam",
            "antispam", "challenge", "bestätigen sie", "confirmer votre", "clique no link", "confirmação",
        )),
        (0.5, (
            "click here to", "visit the following", "following link", "to confirm", "verify your", "not in the",
            "unsolicited", "junk mail", "junk e-mail", "spam", "confirme",
        )),
    ),
)  # fmt: skip
