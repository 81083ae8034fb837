"""The words of delay notices: the message is still queued, and its sender need do nothing."""

from gateway.backscatter.kinds.wording import Wording
from gateway.backscatter.words import Kind

WORDING = Wording(
    kind=Kind.DELAY_NOTICE,
    subjects=(
        (2.5, (
            "a final delivery status notification", "do not need to do anything", "additional attempts to deliver",
            "do not need to re-send", "need not resend", "not necessary to resend", "only a warning",
            "nur eine warnung", "weitere zustellversuche", "zustellung verzögert", "zustellung ist verzögert",
            "n'est qu'un avertissement", "es sólo una advertencia", "es solo una advertencia",
            "se seguirá intentando", "la entrega se ha retrasado", "la remise est retardée",
            "la consegna è stata ritardata", "bezorging is vertraagd", "entrega está atrasada",
            "доставка задерживается", "无需重新发送", "無需重新傳送", "配信が遅延",
            (
                r"(?:warning|information)?[: ]*(?:mail|message|e-?mail)(?: \S+)? (?:delivery )?(?:is |"
                "has been )?(?:delayed|still (?:not|un))"
            ),
            r"(?:mail|message|e-?mail) (?:delivery )?(?:delay|warning)\b", "delayed (?:mail|message|delivery)",
            r"warning: (?:could not send message|message (?:\S+ )?(?:delayed|still))", "deliver(?:y|ing) delay",
            "delivery (?:is |has been )?delayed", r"delivery status notification ?\(delay\)",
            "warning: mail delivery", "delivery (?:of .{0,40} )?(?:temporarily )?delayed",
            "transient (?:delivery|failure)",
        )),
        (2, (
            "verzögerte? ", "zustellung verz", "remise (?:retardée|différée)", "retard de",
            "entrega (?:retrasada|demorada|atrasada)", "consegna ritardata", "vertraagd", "zpoždění", "opóźnion",
            "задержка доставки", "配信遅延", "配信が遅れ", "延迟", "延遲",
        )),
    ),
    phrases=(
        (3, (
            "will continue to be attempted", "is only a temporary failure report", "advisory notice only",
            "it will be retried until it is", "this is a warning only", "message is delayed for more than",
            "attempts to deliver will continue", "attempts will be made to deliver",
            "vous n'avez pas besoin de renvoyer", "no es necesario que vuelva a enviar",
            "no es necesario reenviar", "non è necessario inviare nuovamente", "niet opnieuw te verzenden",
            "niet opnieuw te versturen", "não é necessário reenviar", "попытки доставки будут продолж",
            "再送信する必要はありません", "再送の必要はありません", "müssen die nachricht nicht erneut",
            "has not yet been delivered to one or more of its", "delivery attempts will continue for",
            "temporary problem delivering your message", "this message has not been delivered yet",
            "this is a warning message only", "you do not need to resend your message",
            "could not send message for past", "delivery attempts will continue", "still being retried",
            "still trying to deliver", "delivery is delayed to these recipients", "delivery has been delayed",
            "delivery to the following recipients has been delayed",
            "delivery to the following recipient has been delayed",
        )),
        (2.5, (
            "do not need to resend", "keep trying until", "no action is required on your part",
            "has not yet been delivered", "wird weiterhin versucht", "noch nicht zugestellt", "n'a pas encore été",
            "aún no se ha entregado", "ancora stato consegnato", "nog niet afgeleverd", "まだ配信されて",
            "尚未送达", "ещё не доставлено", "еще не доставлено",
        )),
        (2, (
            "will be retried", "will keep trying", "will continue trying", "will be deleted from queue",
            "do not resend", "been queued for", "kept in the queue", "temporary delay", "still in the queue",
            "still queued", "will be attempted again", "delivery time",
            "not yet been delivered", "has been delayed", "had transient non-fatal errors", "delivery incomplete",
        )),
        (1.5, (
            "will retry for", "for more than 4 hours", "still on the queue", "we'll keep trying", "will try again",
            "will continue to try", "has been in the queue", "delivery temporarily suspended", "have been delayed",
            "nicht notwendig, die nachricht",
        )),
        (1, (
            "will retry", "temporarily deferred", "remains undelivered",
        )),
    ),
)  # fmt: skip
