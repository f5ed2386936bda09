"""Records which node raised an alarm without a call, so that each node gets a share of each round.

A round is one pass of the process that sends calls. Before, a compromised node with thousands of short
sessions could delay the alarms of all other nodes.
"""

from django.db import migrations

# The address is the one that PostgreSQL sees, as a digest: evenly spread, so that a look may begin anywhere.
# IPv6: the network of 64 bits, whose addresses one machine may all bear. Empty: a socket of the database's own
# machine.
FORWARD = """
CREATE FUNCTION orient_node_of(address inet) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(md5(host(network(
        CASE family(address) WHEN 6 THEN set_masklen(address, 64) ELSE address END))), '')
$$;
ALTER TABLE orient_late ADD COLUMN node text NOT NULL DEFAULT '';
ALTER TABLE orient_late ALTER COLUMN node SET DEFAULT orient_node_of(inet_client_addr());
CREATE INDEX orient_late_by_node ON orient_late (node, told_at);
"""
BACK = """
DROP INDEX orient_late_by_node;
ALTER TABLE orient_late DROP COLUMN node;
DROP FUNCTION orient_node_of;
"""


class Migration(migrations.Migration):
    """Changes the table created in `0029_late_calls`."""

    dependencies = [("orient", "0033_callers_reach")]
    operations = [migrations.RunSQL(FORWARD, BACK)]
