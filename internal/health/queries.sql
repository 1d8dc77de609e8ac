-- name: answer :one
-- Global: it asks whether the database answers, and how soon.
SELECT 1::int;

-- name: disk :one
-- Global: how large this database is, whether the server is on this machine, and where it keeps its files: empty where this user may
-- not know.
SELECT pg_database_size(current_database())::bigint AS bytes,
    (inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1')::bool AS here,
    CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') ELSE '' END::text AS directory;
