-- +goose Up

-- The proof of the audit log and of the scans. These tables span organizations: one chain covers a deployment, because a
-- horizon of transactions is a matter of the whole database server.

-- A segment is a stretch of the chain on one database server. Transactions are numbered by the server, so a dump restored
-- on another one would begin to count again: its rows carry an offset that keeps their numbers above all earlier ones.
CREATE TABLE sealed.segment (
    number     integer PRIMARY KEY,
    system_id  bigint NOT NULL,
    xid_offset bigint NOT NULL CHECK (xid_offset >= 0),
    began_at   timestamptz NOT NULL
);
COMMENT ON COLUMN sealed.segment.system_id IS 'the database server''s own identity, as in pg_control_system()';

CREATE TABLE sealed.seal (
    seq        bigint PRIMARY KEY,
    segment    integer NOT NULL REFERENCES sealed.segment,
    system_id  bigint NOT NULL,
    timeline   integer NOT NULL,
    xid_offset bigint NOT NULL,
    from_xid   bigint NOT NULL,
    horizon    bigint NOT NULL,
    sealed_at  timestamptz NOT NULL,
    entries    bytea NOT NULL,
    scans      bigint NOT NULL,
    scan_hash  bytea NOT NULL,
    previous   bytea NOT NULL,
    mac        bytea NOT NULL,
    CONSTRAINT seal_range CHECK (from_xid < horizon)
);
ALTER TABLE sealed.seal ALTER COLUMN entries SET STORAGE EXTERNAL;
COMMENT ON TABLE sealed.seal IS 'covers the rows whose xid is at least from_xid and below horizon';
COMMENT ON COLUMN sealed.seal.entries IS 'of each row of the audit log its organization, time, id and hash: 56 bytes';
COMMENT ON COLUMN sealed.seal.mac IS 'HMAC of all else here, under a key that the database does not have';

-- One row: the newest seal. It is also the lock that lets one instance seal at a time.
CREATE TABLE sealed.head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    seq      bigint NOT NULL,
    seal_mac bytea NOT NULL,
    mac      bytea NOT NULL
);
INSERT INTO sealed.head (seq, seal_mac, mac) VALUES (0, '', '');

-- A month of the audit log that has moved into a file.
CREATE TABLE sealed.archive (
    month       text COLLATE "C" PRIMARY KEY CHECK (month ~ '^[0-9]{4}-[0-9]{2}$'),
    file        text NOT NULL,
    sha256      bytea NOT NULL,
    entries     bigint NOT NULL,
    kept        bytea NOT NULL,
    archived_at timestamptz NOT NULL,
    mac         bytea NOT NULL
);
COMMENT ON COLUMN sealed.archive.kept IS 'of each row that stayed in the log its organization, time and id: 24 bytes';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON sealed.segment FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON sealed.seal FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON sealed.archive FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON sealed.segment FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON sealed.seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON sealed.archive FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON sealed.audit_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON scan FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A seal finds its rows by transaction. Scans are written in the order of their transactions, more or less, so a block
-- range index finds them and costs their writers next to nothing. (It has no operators for xid8 itself.)
CREATE INDEX audit_log_xid_idx ON sealed.audit_log ((xid::text::bigint));
CREATE INDEX scan_xid_idx ON scan USING brin ((xid::text::bigint)) WITH (pages_per_range = 32, autosummarize = on);

-- Block ranges that the index does not know yet are read whole. summarize_scans teaches it the new ones, whether or not a
-- vacuum has come by.
CREATE FUNCTION sealed.summarize_scans() RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(brin_summarize_new_values(inhrelid)) FROM pg_inherits WHERE inhparent = 'public.scan_xid_idx'::regclass
$$;

-- begin_segment starts a segment: from here on, rows are numbered above xid_offset.
-- +goose StatementBegin
CREATE FUNCTION sealed.begin_segment(number integer, system_id bigint, xid_offset bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent text;
BEGIN
    INSERT INTO sealed.segment VALUES (number, system_id, xid_offset, now());
    IF xid_offset > 0 THEN
        FOREACH parent IN ARRAY ARRAY['sealed.audit_log', 'public.scan'] LOOP
            EXECUTE format('ALTER TABLE %s ALTER COLUMN xid SET DEFAULT (pg_current_xact_id()::text::bigint + %s)::text::xid8', parent, xid_offset);
        END LOOP;
    END IF;
END $$;
-- +goose StatementEnd

-- The audit page's filters.
CREATE INDEX audit_log_action_idx ON sealed.audit_log (org_id, action, at, id);
CREATE INDEX audit_log_user_idx ON sealed.audit_log (org_id, user_id, at, id);
CREATE INDEX audit_log_entity_idx ON sealed.audit_log (org_id, entity_type, entity_id, at, id);

-- A partition inherits its parent's triggers for rows but not the one for TRUNCATE: each gets its own.
-- +goose StatementBegin
CREATE FUNCTION never_emptied(part regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = part AND tgname = 'never_emptied') THEN
        EXECUTE format('CREATE TRIGGER never_emptied BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', part);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION ensure_partitions(from_month date, to_month date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    parent     text;
    month      timestamp;
    made       integer := 0;
    part_name  text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['public.scan', 'sealed.audit_log'] LOOP
        FOR month IN SELECT generate_series(date_trunc('month', from_month::timestamp), date_trunc('month', to_month::timestamp), interval '1 month') LOOP
            part_name := parent || to_char(month, '_YYYY_MM');
            IF to_regclass(part_name) IS NULL THEN
                EXECUTE format('CREATE TABLE IF NOT EXISTS %s PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', part_name, parent,
                    to_char(month, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
                PERFORM public.never_emptied(part_name::regclass);
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
-- +goose StatementEnd
SELECT never_emptied(inhrelid) FROM pg_inherits WHERE inhparent IN ('scan'::regclass, 'sealed.audit_log'::regclass);
