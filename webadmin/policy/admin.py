"""The tables of the policy, registered."""

from django.contrib import admin

from gateway.models import Account, CheckSetting, Domain, Forwarder, NodePolicy, PolicyRevision, Recipient, Route
from webadmin.policy.accounts import AccountAdmin
from webadmin.policy.domains import DomainAdmin, RecipientAdmin
from webadmin.policy.node import NodePolicyAdmin, OutboundCheckAdmin
from webadmin.policy.revisions import PolicyRevisionAdmin
from webadmin.policy.routes import ForwarderAdmin, RouteAdmin


def register() -> None:
    """Register the pages of this feature."""
    admin.site.register(Domain, DomainAdmin)
    admin.site.register(Recipient, RecipientAdmin)
    admin.site.register(Route, RouteAdmin)
    admin.site.register(Forwarder, ForwarderAdmin)
    admin.site.register(Account, AccountAdmin)
    admin.site.register(NodePolicy, NodePolicyAdmin)
    admin.site.register(CheckSetting, OutboundCheckAdmin)
    admin.site.register(PolicyRevision, PolicyRevisionAdmin)
