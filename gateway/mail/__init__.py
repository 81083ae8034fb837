"""The words of mail: frozen data and pure functions, no I/O.

Everything else speaks in these words; nothing here imports from anywhere else in the project.
"""
