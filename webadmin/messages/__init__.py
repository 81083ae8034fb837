"""Every transaction, and the page of one."""
