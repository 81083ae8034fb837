"""The one-machine default: prepares a state folder, starts every process of the gateway, and stops them.

Each process is a child that is started by its command line; nothing of them is imported here.
"""
