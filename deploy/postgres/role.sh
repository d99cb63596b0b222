#!/bin/sh
# Run once by the image of PostgreSQL, when the data folder is new: a role for refund-receiver that owns
# its database and has no rights beyond it.
set -eu
secrets=${SECRETS:-/run/secrets}
psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 --username postgres --dbname postgres \
    -v password="$(cat "$secrets/refunds_password")" <<'SQL'
CREATE ROLE refunds LOGIN PASSWORD :'password';
CREATE DATABASE refunds OWNER refunds TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
REVOKE ALL ON DATABASE refunds FROM PUBLIC;
SQL
