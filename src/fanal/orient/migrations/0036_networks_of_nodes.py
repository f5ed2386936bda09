"""Begins the name of a node with its network: a round is shared by networks, then by their nodes.

A round is one pass of the process that sends calls. Before, a compromised machine with two hundred
addresses of one network had two hundred shares: of a hundred alarms raised at once by another node, a round
called for six.
"""

from django.db import migrations

# Eight signs of the digest of the network (IPv4: 24 bits, IPv6: 48), then the digest of the address (IPv6:
# the network of 64 bits, whose addresses one machine may all bear). Empty: a socket of the database's own
# machine. Rows that wait at this moment keep the former name, and are called by it.
FORWARD = """
CREATE OR REPLACE FUNCTION orient_node_of(address inet) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(left(md5(host(network(set_masklen(address,
            CASE family(address) WHEN 6 THEN 48 ELSE 24 END)))), 8)
        || md5(host(network(
            CASE family(address) WHEN 6 THEN set_masklen(address, 64) ELSE address END))), '')
$$;
"""
BACK = """
CREATE OR REPLACE FUNCTION orient_node_of(address inet) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(md5(host(network(
        CASE family(address) WHEN 6 THEN set_masklen(address, 64) ELSE address END))), '')
$$;
"""


class Migration(migrations.Migration):
    """Replaces the function of `0034_late_by_node`."""

    dependencies = [("orient", "0035_few_of_the_desk")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
