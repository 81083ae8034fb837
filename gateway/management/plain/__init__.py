"""Commands without Django, one file each: ``main(arguments)`` gives the exit status. manage.py lists them."""
