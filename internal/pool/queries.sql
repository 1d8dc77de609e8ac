-- name: listBackends :many
-- Global: backends are the database server's. Those of this database that hold a connection up: a statement that runs long, or a
-- transaction that waits for its program. The one that asks is left out.
SELECT a.pid::int AS pid, coalesce(a.usename::text, '')::text AS username, coalesce(a.application_name, '')::text AS application,
    coalesce(host(a.client_addr), 'local')::text AS client, a.backend_start::timestamptz AS began, coalesce(a.state, '')::text AS state,
    greatest(extract(epoch FROM clock_timestamp() - CASE WHEN a.state = 'active' THEN a.query_start ELSE a.state_change END), 0)::float8 AS seconds,
    coalesce(a.wait_event_type, '')::text AS waits_for, left(a.query, 2000)::text AS query
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
    AND (a.state = 'active' AND a.query_start < clock_timestamp() - make_interval(secs => @over::float8)
        OR a.state LIKE 'idle in transaction%' AND a.state_change < clock_timestamp() - make_interval(secs => @over::float8))
ORDER BY 7 DESC
LIMIT @most;

-- name: findBackend :one
-- Global: as above, by its process and when that began: a number alone may have passed to another.
SELECT a.pid::int AS pid, coalesce(a.usename::text, '')::text AS username, coalesce(a.application_name, '')::text AS application,
    coalesce(host(a.client_addr), 'local')::text AS client, a.backend_start::timestamptz AS began, coalesce(a.state, '')::text AS state,
    greatest(extract(epoch FROM clock_timestamp() - CASE WHEN a.state = 'active' THEN a.query_start ELSE a.state_change END), 0)::float8 AS seconds,
    coalesce(a.wait_event_type, '')::text AS waits_for, left(a.query, 2000)::text AS query
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
    AND a.pid = @pid AND a.backend_start = @began;

-- name: cancelBackend :one
-- Global: it stops the statement that a backend runs.
SELECT pg_cancel_backend(@pid)::bool;

-- name: endBackend :one
-- Global: it ends a backend, and with it its connection and its transaction.
-- It waits until the backend is gone, for two seconds at most: who looks again sees it no more.
SELECT pg_terminate_backend(@pid, 2000)::bool;
