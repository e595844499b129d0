"""Read the text of a file that somebody handed in, in a process of its own.

Nothing here knows Django or a secret: a file may be written to harm whoever reads it. `__main__`
is that process, `epics.files.upload_text` the one that starts it and ends it.
"""
