"""Which issues take part in a link, and how: an admin's expressions over the agreed words of an issue.

``rules`` is what an admin writes, ``expression`` makes a test of one text, ``judging`` puts them together.
"""
