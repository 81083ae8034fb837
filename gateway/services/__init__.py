"""Adapters to the outside: scanners, counters, later DNS and LDAP. Each says what it does when the outside fails."""
