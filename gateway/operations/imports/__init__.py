"""Lists that people bring along: read from CSV line by line, shown as what they would change, and taken over.

A line that can't be taken is named with its number and a remedy, and is given back; no line is ever lost.
"""
