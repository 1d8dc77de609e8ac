-- +goose Up

-- retire_month is the only way out of the audit log: it empties a month whose rows have moved into a file, but for those
-- of some actions, and writes the record of it. It refuses a month that is not older than 90 days as a whole, and one in which there are
-- not exactly the rows that the record speaks of. Only the month's own partition is locked, so that nobody who writes waits.
-- +goose StatementBegin
CREATE FUNCTION sealed.retire_month(retired sealed.archive, kept_actions text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part    regclass := to_regclass('sealed.audit_log_' || replace(retired.month, '-', '_'));
    ends    timestamptz := ((retired.month || '-01')::timestamp + interval '1 month') AT TIME ZONE 'UTC';
    present bigint;
    staying bigint := length(retired.kept) / 24;
BEGIN
    IF part IS NULL OR ends > now() - interval '90 days' THEN
        RAISE EXCEPTION '% is not older than 90 days', retired.month USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', part);
    EXECUTE format('CREATE TEMP TABLE audit_log_kept ON COMMIT DROP AS SELECT * FROM %s WHERE action = ANY ($1)', part) USING kept_actions;
    EXECUTE format('SELECT count(*) FROM %s', part) INTO present;
    IF present <> retired.entries + staying OR staying <> (SELECT count(*) FROM audit_log_kept) THEN
        RAISE EXCEPTION '% holds % rows, and % were archived and % kept', retired.month, present, retired.entries, staying;
    END IF;
    EXECUTE format('ALTER TABLE %s DISABLE TRIGGER never_emptied', part);
    EXECUTE format('TRUNCATE %s', part);
    EXECUTE format('ALTER TABLE %s ENABLE TRIGGER never_emptied', part);
    EXECUTE format('INSERT INTO %s SELECT * FROM audit_log_kept', part);
    DROP TABLE audit_log_kept;
    INSERT INTO sealed.archive SELECT retired.*;
END $$;
-- +goose StatementEnd
COMMENT ON COLUMN sealed.archive.entries IS 'how many rows are in the file';
