"""What a message is made of, under every reading that some mail program may have of it. Pure."""
