"""DNS: one resolver a process, with a cache, budgets, and servers by configuration."""

from gateway.services.dns.resolver import DnsResolver
from gateway.services.dns.words import Answer, Resolver, Status, known

__all__ = ["Answer", "DnsResolver", "Resolver", "Status", "known"]
