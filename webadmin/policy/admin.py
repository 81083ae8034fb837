"""The tables of the policy, registered."""

from django.contrib import admin

from gateway.models import (
    Account,
    CheckSetting,
    DnsList,
    Domain,
    Forwarder,
    NodePolicy,
    PolicyRevision,
    Recipient,
    Route,
    SenderEntry,
)
from webadmin.policy.accounts import AccountAdmin
from webadmin.policy.dnslists import DnsListAdmin
from webadmin.policy.domains import DomainAdmin
from webadmin.policy.node import NodePolicyAdmin, OutboundCheckAdmin
from webadmin.policy.recipients import RecipientAdmin
from webadmin.policy.revisions import PolicyRevisionAdmin
from webadmin.policy.routes import ForwarderAdmin, RouteAdmin
from webadmin.policy.senders import SenderEntryAdmin


def register() -> None:
    """Register the pages of this feature."""
    admin.site.register(Domain, DomainAdmin)
    admin.site.register(Recipient, RecipientAdmin)
    admin.site.register(SenderEntry, SenderEntryAdmin)
    admin.site.register(DnsList, DnsListAdmin)
    admin.site.register(Route, RouteAdmin)
    admin.site.register(Forwarder, ForwarderAdmin)
    admin.site.register(Account, AccountAdmin)
    admin.site.register(NodePolicy, NodePolicyAdmin)
    admin.site.register(CheckSetting, OutboundCheckAdmin)
    admin.site.register(PolicyRevision, PolicyRevisionAdmin)
