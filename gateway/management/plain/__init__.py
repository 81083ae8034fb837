"""Commands without Django, one file each: ``main(arguments)`` gives the exit status. gateway.commandline lists them."""
