"""Backup, restore, and the proof that a backup can be restored.

    FOLDER/manifest.json      what the set holds, with the SHA-256 of each file; written last
    FOLDER/database.*         SQLite's file, or PostgreSQL's dump in custom format
    FOLDER/configuration/     the node's configuration file
    FOLDER/tls/               certificate and key
    FOLDER/home/              secrets, policy, learned, ledger, counters, journals, quarantine, as in the state folder
    FOLDER/deliveries.json    which deliveries are remembered
    FOLDER/probe.json         what a proof tries: tags, a seal, public keys, a throw-away account

A set is not encrypted and holds every secret of the node: 0700 and 0600, and whoever carries it elsewhere encrypts it.
"""
