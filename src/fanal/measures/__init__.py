"""Official acts on illegal content: removal requests to hosts, notices to providers, blocking, dereferencing.

A removal request obliges a host to remove content. A blocking obliges access providers to block a host name;
a dereferencing obliges search engines and directories to remove addresses from their results. Both rest on a
removal request (LCEN article 6-1).
"""
