"""What attachments are and hold. It is read in a process of its own, for much of it is read by native libraries."""
