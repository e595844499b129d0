"""The local stack: real servers from wheels and the program's processes, under one supervisor."""
