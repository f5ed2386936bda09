"""Official acts on illegal content: removal requests to hosts, and notices to providers.

Blocking and dereferencing, which the law also knows, are kinds of measure that nothing drafts yet.
"""
