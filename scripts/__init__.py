"""The developer's and operator's tools behind the Makefile.

Each module is a command (`python3 -m scripts.run`) or one thing that commands share. Everything
but `demo` needs the standard library only, so that it runs before there is a virtual environment.
"""
