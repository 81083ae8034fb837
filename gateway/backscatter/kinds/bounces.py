"""The words of bounces: what mail servers write when a message could not be delivered."""

# ruff: noqa: RUF001 - words of many languages
from gateway.backscatter.kinds.wording import Wording
from gateway.backscatter.words import Kind

WORDING = Wording(
    kind=Kind.BOUNCE,
    subjects=(
        (2.5, (
            r"(?:\W{0,3}e?mail system error\W{0,3}[-:]? *)?returned (?:mail|message|e-mail|to sender)\b",
            r"(?:mail|message|e-mail|email) (?:delivery )?(?:failed|failure|error|problem|returned)\b",
            "(?:mail|message|e-mail|email) (?:could|can) ?not be delivered", r"undeliver(?:able|ed)(?:: |\b)",
            "unzustellbar", "nicht zustellbar", "zustellung (?:fehlgeschlagen|gescheitert)",
            "zustell(?:fehler|ungsfehler)", "mail nicht zugestellt", "failure (?:notice|notification|delivery)",
            r"failed mail\b", "failed delivery", "failed to deliver", "failed message",
            (
                "deliver(?:y|ing) (?:status )?(?:failure|failed|error|problem|report|unsuccessful|has failed|"
                "notification)"
            ),
            "delivery status notification", "non[- ]?delivery", "undelivered mail", "not delivered",
            "not deliverable", "unable to deliver", "cannot deliver", "could ?n[o']t? ?t? (?:send|deliver)",
            "(?:message|mail) status - undeliverable", "nondeliverable mail", "mail non-d",
            "(?:permanent )?(?:delivery|transport) (?:failure|error)", "smtp (?:delivery )?(?:error|failure)",
            "error (?:sending|delivering) (?:mail|message|your)",
            (
                "(?:unknown|invalid|bad|no such|non-?existent) (?:user|recipient|address|e-?mail|mailbox|"
                "account|domain|local)"
            ),
            "user (?:unknown|not found|does ?n.t exist)",
            "(?:recipient|address|mailbox|account) (?:unknown|not found|unavailable|disabled|full|does)",
            (
                r"(?:your )?(?:message|mail|e-?mail)(?: to \S+)? (?:was|has been|is) (?:rejected|returned|"
                "blocked|refused|bounced|not delivered|undeliverable)"
            ),
            (
                "(?:your )?(?:message|mail|e-?mail) (?:rejected|blocked|refused|bounced|not (?:delivered|"
                "accepted|sent))"
            ),
            "ndn: ", "problems? (?:with|delivering|sending) (?:your |the )?(?:mail|message|e-?mail)",
            (
                "(?:notification|avis|rapport) (?:d.?(?:.tat de|.chec|.tat).{0,30}(?:distribution|remise|"
                "livraison|non-?distribution|non-?remise))"
            ),
            "[ée]chec (?:de |d'|de la )(?:la )?(?:remise|distribution|livraison|envoi)", "non remis",
            "message non (?:remis|distribu)", "mail non d.?livr",
            "(?:error|fallo|fall[oó]|aviso) (?:de|en|al) (?:la )?(?:entrega|env[ií]o|enviar)",
            "no se (?:puede|pudo|ha podido) entregar", "no entregado", "correo (?:devuelto|no entregado)",
            "mensaje (?:no entregado|devuelto|rechazado)",
            (
                "(?:non recapitabil|mancato recapito|impossibile recapitare|recapito (?:fallito|"
                "non riuscito)|messaggio non (?:recapitato|consegnato)|mancata consegna|errore di consegna)"
            ),
            (
                "(?:n[aã]o (?:foi )?(?:entreg|poss[ií]vel entregar)|falha (?:na|de) entrega|"
                "mensagem (?:n[aã]o entregue|devolvida)|erro (?:na|de) entrega|devolvid[ao])"
            ),
            (
                "(?:niet (?:afgeleverd|bezorgd|bezorgbaar|te bezorgen)|onbestelbaar|bezorging mislukt|"
                "aflevering mislukt|e-?mail kon niet)"
            ),
            (
                "(?:niedostarcz|nie (?:mo[zż]na )?dor[eę]cz|niedor[eę]cz|zwrot (?:wiadomo|poczty|listu)|"
                "nie (?:uda[lł]o si[eę] )?dostarcz|b[lł][aą]d (?:dostarcz|dor[eę]cz))"
            ),
            (
                "(?:недостав|не доставлен|ошибка доставки|сбой доставки|не удалось доставить|"
                "невозможно доставить|уведомление о (?:недоставк|состоянии доставки)|возврат)"
            ),
            "(?:nedoru[cč]|nelze doru[cč]|vr[aá]cen[aá] zpr[aá]va|nedoru[cč]ite)",
            (
                "(?:det g[iå]r inte att leverera|kan inte levereras|ej levererat|olevererbart|"
                "kunne ikke leveres|ikke leveret|kan ikke leveres|ikke levert|uleveret|leveringsfejl)"
            ),
            (
                "(?:toimittaminen ep[aä]onnistui|ei voitu toimittaa|k[eé]zbes[ií]thetetlen|"
                "sikertelen k[eé]zbes|iletilemedi|teslim edilemedi|g[oö]nderilemedi)"
            ),
            (
                "(?:配信不能|配信できません|配信エラー|メール(?:システム)?エラー|配信に失敗|送信エラー|"
                "エラーメール|不達|未達|メール(?:が)?(?:届|送信でき|配信でき)|宛先不明|配達不能)"
            ),
            (
                "(?:系统退信|退信|退件|退回|投递失败|发送失败|无法(?:投递|送达|传递|递送)|未送达|未傳遞|"
                "無法(?:傳遞|投遞|遞送|送達)|傳遞失敗|寄送失敗|投遞失敗|未传递)"
            ),
            "(?:배달되지 않음|전송 실패|반송|배달할 수 없|배달 실패|전달되지)",
        )),
        (2, (
            (
                "(?:rejected|blocked|refused|bounced|undelivered|returned|discarded) (?:mail|message|e-?mail|"
                "posting)"
            ),
            r"\[?(?:bounce|bounced|ndn|ndr|dsn)[]:]", "automatically rejected mail", "message rejected",
            "notification of (?:non-?)?delivery", "warning: mail", r"mail (?:delivery )?(?:subsystem|system)\b",
            "mail server error", "mail system error", "e-?mail addressing error", "mailer-daemon",
            r"(?:processing|mail) error\b", "failed: ",
            (
                r".{0,120}\b(?:delivery failed|non remis|user unknown|undeliverable|undelivered|"
                r"could not be delivered|returned mail|not delivered)\W*$"
            ),
        )),
        (1.5, (
            "mailbox (?:is )?(?:full|over ?quota|exceeded)", "quota (?:exceeded|warning)", "over quota",
            "(?:delivery|send) (?:to|of) .{1,60} (?:failed|has failed|failure)",
            ".{0,60}(?:no longer|not) (?:valid|in use|active|working)",
        )),
    ),
    senders=(
        (2.5, (
            "mailer[-_. ]?d(?:a|ae|e|ea)mon", "maildaemon", "mail[-_ ]delivery[-_ ]s(?:ub)?system",
            "mail delivery (?:sub)?system",
        )),
        (1.5, (
            r"\bpostmaster\b", "post[-_ ]?master@", r"\bpost ?office\b", "mail ?master@", "<>", r"\bdaemon@",
            r"^mail ?er\b", "mail administrator", r"\bmdaemon@", r"\bmailadmin",
            "smtp[-_. ]?(?:gateway|server|daemon|agent)", "system administrator", "administrator@",
            "internet mail delivery", r"mail[-_ ]?(?:delivery|system|router|gateway|server)\b", r"\bmmdf\b",
            "bounce[ds]?[-_a-z0-9]*@", "complaints@",
        )),
    ),
    phrases=(
        (3, (
            "this message was created automatically by mail delivery software",
            "a message that you sent could not be delivered to one or more of its recipients",
            "a message that you sent could not be delivered",
            "your message could not be delivered to one or more recipients", "this is the postfix program at host",
            "this is the mail delivery agent at", "this is the mailer-daemon", "this is the qmail",
            "i'm afraid i wasn't able to deliver your message", "i wasn't able to establish an smtp connection",
            "this is a permanent error; i've given up", "i've given up. sorry it didn't work out",
            "the original message was received at", "had permanent fatal errors",
            "----- transcript of session follows", "transcript of session follows",
            "transcript of message delivery session",
            "your message did not reach some or all of the intended recipients",
            "the following recipient(s) could not be reached", "the following recipient(s) cannot be reached",
            "could not be delivered to the following recipient", "delivery to the following recipient",
            "delivery to the following address", "delivery has failed to these recipients",
            "delivery to these recipients or", "your message wasn't delivered", "the following addresses had",
            "failed to deliver to '", "could not deliver message to the following recipient",
            "unable to deliver message to the following", "technical details of permanent failure",
            "doesn't have a yahoo", "recipient address rejected", "unrouteable address", "unroutable address",
            "not listed in domino directory", "not listed in public name", "sorry, no mailbox here by that name",
            "does not have an account here", "smtp error from remote", "the error that the other server returned",
            "reason for non-delivery", "action: failed", "diagnostic-code:", "final-recipient:", "reporting-mta:",
            "unsent message follows", "--- below this line is a copy of the message",
            "this is a copy of the message, including all the headers", "failed addresses follow",
            "did not reach the following recipient", "failure reasons", "送信できませんでした",
            "送信に失敗しました", "had delivery errors", "not reach some or all", "has been returned because",
            "delivery failed 20 attempts", "not delivered to the following", "unsent message below",
            "exceeded maximum delivery attempts", "n'a pas pu etre delivre", "recipient name is not recognized",
            "konnte nicht zugestellt werden", "konnte nicht ausgeliefert werden", "n'a pas pu être remis",
            "n'a pas pu être distribu", "n'a pas pu être délivr", "n'a pas été remis", "échec de la remise",
            "no se pudo entregar", "no se ha podido entregar", "no pudo ser entregado",
            "no ha podido ser entregado", "non è stato possibile consegnare", "non è stato recapitato",
            "não pôde ser entregue", "não foi possível entregar", "niet worden afgeleverd", "niet bezorgd worden",
            "niet worden bezorgd", "kon niet afgeleverd", "nie mogła zostać dostarczona", "nie została dostarczona",
            "nie może zostać dostarczon", "не может быть доставлено", "не было доставлено", "не удалось доставить",
            "nemohla být doručena", "kunde inte levereras", "kunne ikke leveres", "ei voitu toimittaa",
            "nem sikerült kézbesíteni", "配信できません", "配信することができません", "お届けできません",
            "届けることができません", "无法投递", "无法送达", "投递失败", "無法傳遞", "無法投遞", "배달할 수 없",
            "배달하지 못",
        )),
        (2.5, (
            "unable to deliver your message", "unable to deliver the message", "remote host said", "said: 5",
            "returned mail follows", "no such user here", "there is no user by that name",
            "fehler bei der zustellung", "n'a pas pu etre", "impossible de remettre", "no se puede entregar",
            "impossibile recapitare", "non può essere consegnato", "não foi entregue", "nao pode ser entregue",
            "nie mogla zostac", "nie można dostarczyć", "невозможно доставить", "nelze doručit", "teslim edilemedi",
            "iletilemedi", "送信できません", "送ることができません", "配信されません", "宛先不明",
            "ユーザーが見つかりません", "配信に失敗", "被退回", "전송하지 못", "전달할 수 없",
        )),
        (2, (
            "this is the mail system at host", "i wasn't able to deliver", "i was unable to deliver",
            "had transient non-fatal errors", "your message to the following recipients", "was unable to deliver",
            "could not be delivered", "couldn't be delivered", "cannot be delivered", "can not be delivered",
            "was not delivered", "wasn't delivered", "your message was returned", "your mail was returned",
            "being returned to you", "permanent failure", "permanently failed", "delivery failed",
            "delivery failure", "failed permanently", "user unknown", "user is unknown", "unknown recipient",
            "unknown local", "recipient unknown", "no such user", "no such recipient", "no such address",
            "no such mailbox", "no such account", "no such local user", "no mailbox here", "invalid recipient",
            "invalid mailbox", "not a valid mailbox", "mailbox not found", "mailbox unavailable",
            "mailbox is disabled", "mailbox is inactive", "exceeded storage allocation", "address rejected",
            "recipient rejected", "relay access denied", "relaying denied", "unable to relay", "host unknown",
            "remote server said", "the reason for the problem", "message header follows", "failed recipient",
            "non-delivery report", "mail has been returned", "header of the source mail", "not a valid user",
            "not a valid address", "not known at this site", "nicht zugestellt werden", "unzustellbar",
            "empfänger unbekannt", "benutzer unbekannt", "destinataire inconnu", "utilisateur inconnu",
            "n'a pu être", "usuario desconocido", "destinatario desconocido", "no fue entregado",
            "utente sconosciuto", "destinatario sconosciuto", "non e' stato possibile", "usuário desconhecido",
            "onbekende gebruiker", "nieznany użytkownik", "не доставлено", "退信", "发送失败", "用户不存在",
        )),
        (1.5, (
            "could not deliver", "couldn't deliver", "cannot deliver", "has not been delivered",
            "have not been delivered", "not delivered to", "undeliverable", "returned to sender",
            "is being returned", "permanent error", "delivery error", "unknown user", "unknown address",
            "invalid user", "user not found", "user doesn't exist", "user does not exist", "mailbox is full",
            "mailbox full", "mailbox has exceeded", "over quota", "quota exceeded", "host not found",
            "mail server said", "reason for failure", "reason of failure", "diagnostic code",
            "a copy of the original message", "original message follows", "message text follows", "failed address",
            "original message as received", "not a valid email", "address is invalid", "address is not valid",
            "please do not resend your original message", "postfach ist voll", "buzón lleno", "casella piena",
            "nie ma takiego", "пользователь не", "退回",
        )),
        (1, (
            "a message (from ", "delivery is delayed to these recipients", "the following recipients",
            "the following address", "undelivered", "invalid address", "account has been disabled",
            "account is disabled", "account is inactive", "domain not found", "error message from", "the error was",
            "copy of your message", "original message headers", "message from yahoo", "email address you entered",
            "was rejected", "has been rejected", "message was blocked", "delivery attempt", "is not known",
            "does not exist", "doesn't exist", "delivery report", "nicht erreicht werden", "ist fehlgeschlagen",
            "folgende adresse", "folgenden empfänger", "nie istnieje", "нет такого", "存在しません", "존재하지 않",
        )),
        (0.5, (
            "no longer available", "no longer valid", "the smtp server", "the message you sent",
            "your original message", "mail address you", "delivery notification", "mail delivery", "gave up",
            "zustellung der", "keine gültige", "użytkownik", "получател", "почтовый ящик", "メールアドレスが",
            "エラー", "收件人",
        )),
    ),
)  # fmt: skip
