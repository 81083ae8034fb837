"""The rows behind the console, one file a noun. Only operations, workers and webadmin import them."""

from gateway.models.account import Account
from gateway.models.alarm import Alarm
from gateway.models.audit import AuditEntry
from gateway.models.digest import Digest
from gateway.models.dmarc import DmarcCount
from gateway.models.dnslist import DnsList
from gateway.models.domain import Domain
from gateway.models.forwarder import Forwarder
from gateway.models.journal import JournalPosition
from gateway.models.learned import Backscatterer, DomainStage, JudgedBounce, LearnedSerial, NeverTag, Storm
from gateway.models.lesson import Lesson, LessonKind, LessonState
from gateway.models.lists import ListHealth
from gateway.models.marking import MarkingKey
from gateway.models.nodepolicy import NodePolicy
from gateway.models.probe import RecipientProbe
from gateway.models.quarantine import QuarantinedCopy
from gateway.models.recipient import Recipient
from gateway.models.refusal import RefusalCount
from gateway.models.revision import PolicyRevision
from gateway.models.route import Route, RouteHost
from gateway.models.rules import CheckSetting
from gateway.models.sender import SenderEntry
from gateway.models.sending import SendingBlock
from gateway.models.transaction import Transaction, TransactionRecipient

__all__ = [
    "Account",
    "Alarm",
    "AuditEntry",
    "Backscatterer",
    "CheckSetting",
    "Digest",
    "DmarcCount",
    "DnsList",
    "Domain",
    "DomainStage",
    "Forwarder",
    "JournalPosition",
    "JudgedBounce",
    "LearnedSerial",
    "Lesson",
    "LessonKind",
    "LessonState",
    "ListHealth",
    "MarkingKey",
    "NeverTag",
    "NodePolicy",
    "PolicyRevision",
    "QuarantinedCopy",
    "Recipient",
    "RecipientProbe",
    "RefusalCount",
    "Route",
    "RouteHost",
    "SenderEntry",
    "SendingBlock",
    "Storm",
    "Transaction",
    "TransactionRecipient",
]
