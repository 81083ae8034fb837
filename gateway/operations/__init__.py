"""The verbs that people and jobs use. Each is one function that somebody calls; each writes its audit entry."""
