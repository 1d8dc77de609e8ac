-- What sqlc does not know of PostgreSQL by itself. It is for sqlc only, and nothing ever runs it.
CREATE TABLE pg_stat_activity (
    datname name, pid int NOT NULL, usename name, application_name text, client_addr inet, backend_start timestamptz NOT NULL, query_start timestamptz,
    state_change timestamptz, wait_event_type text, state text, query text, backend_type text
);
