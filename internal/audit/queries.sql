-- What belongs to no organization, such as a login under a name that nobody has, belongs to the only one where there is only
-- one: its admins must see who tries their door. What names a person is put aside, and has a token here.
-- name: insertEntry :exec
WITH address AS (
    INSERT INTO sealed.personal (org_id, user_id, value)
    SELECT @org_id, sqlc.narg('address_user_id'), sqlc.narg('address')::jsonb WHERE sqlc.narg('address')::jsonb IS NOT NULL RETURNING token
), person AS (
    INSERT INTO sealed.personal (org_id, user_id, value)
    SELECT @org_id, sqlc.narg('person_user_id'), sqlc.narg('person')::jsonb WHERE sqlc.narg('person')::jsonb IS NOT NULL RETURNING token
)
INSERT INTO sealed.audit_log (org_id, at, user_id, action, entity_type, entity_id, details, before_state, after_state,
                              address_token, person_token, request_id)
VALUES (coalesce(nullif(@org_id::bigint, 0), (SELECT min(o.id) FROM organization o HAVING count(*) = 1), 0), now(), sqlc.narg('user_id'), @action, @entity_type, @entity_id, @details, sqlc.narg('before_state'),
        sqlc.narg('after_state'), (SELECT token FROM address), (SELECT token FROM person), @request_id);

-- name: takeTime :exec
-- Global: the chain covers a whole deployment.
SELECT set_config('statement_timeout', '0', true), set_config('work_mem', '64MB', true);

-- The rows stay where they are for as long as they are looked at: a month that is emptied meanwhile would be missed, for
-- that is seen at once by every snapshot. It is the first statement of its transaction, before there is a snapshot.
-- name: holdLog :exec
-- Global: the chain covers a whole deployment.
LOCK TABLE sealed.audit_log IN ACCESS SHARE MODE;

-- name: lockHead :one
-- Global: the chain covers a whole deployment.
SELECT seq, seal_mac, mac FROM sealed.head FOR UPDATE SKIP LOCKED;

-- name: readHead :one
-- Global: the chain covers a whole deployment.
SELECT seq, seal_mac, mac FROM sealed.head;

-- name: moveHead :exec
-- Global: the chain covers a whole deployment.
UPDATE sealed.head SET seq = @seq, seal_mac = @seal_mac, mac = @mac;

-- name: server :one
-- Global: the chain covers a whole deployment.
SELECT s.system_identifier::bigint AS system_id, c.timeline_id::integer AS timeline,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon
FROM pg_control_system() s, pg_control_checkpoint() c;

-- Rows whose transactions the server has yet to number come from another server.
-- name: comesFromElsewhere :one
-- Global: the chain covers a whole deployment.
SELECT (EXISTS (SELECT FROM scan WHERE xid::text::bigint >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
     OR EXISTS (SELECT FROM sealed.audit_log WHERE xid::text::bigint >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint))::boolean;

-- name: newestSegment :one
-- Global: the chain covers a whole deployment.
SELECT number, system_id, xid_offset FROM sealed.segment ORDER BY number DESC LIMIT 1;

-- name: newestSeal :one
-- Global: the chain covers a whole deployment.
SELECT seq, horizon, mac FROM sealed.seal ORDER BY seq DESC LIMIT 1;

-- name: beginSegment :exec
-- Global: the chain covers a whole deployment.
SELECT sealed.begin_segment(@number::integer, @system_id::bigint, @xid_offset::bigint);

-- name: seals :many
-- Global: the chain covers a whole deployment.
SELECT seq, segment, system_id, timeline, xid_offset, from_xid, horizon, sealed_at, entries, scans, scan_hash, previous, mac
FROM sealed.seal WHERE seq >= @from_seq ORDER BY seq LIMIT @most;

-- name: insertSeal :exec
-- Global: the chain covers a whole deployment.
INSERT INTO sealed.seal (seq, segment, system_id, timeline, xid_offset, from_xid, horizon, sealed_at, entries, scans, scan_hash, previous, mac)
VALUES (@seq, @segment, @system_id, @timeline, @xid_offset, @from_xid, @horizon, @sealed_at, @entries, @scans, @scan_hash, @previous, @mac);

-- A seal is kept to so many rows of the audit log that it fits into memory; the next one takes the rest.
-- name: xidOfRow :one
-- Global: the chain covers a whole deployment.
SELECT xid::text::bigint AS xid FROM sealed.audit_log
WHERE xid::text::bigint >= @from_xid::bigint AND xid::text::bigint < @horizon::bigint
ORDER BY xid::text::bigint OFFSET @skip LIMIT 1;

-- name: summarizeScans :exec
-- Global: the chain covers a whole deployment.
SELECT sealed.summarize_scans();

-- name: rowsOf :many
-- Global: the chain covers a whole deployment.
SELECT org_id, at, id, user_id, action, entity_type, entity_id, details, before_state, after_state, address_token,
       person_token, request_id, xid::text::bigint AS xid
FROM sealed.audit_log
WHERE xid::text::bigint >= @from_xid::bigint AND xid::text::bigint < @horizon::bigint
ORDER BY xid::text::bigint, org_id, at, id;

-- name: scansOf :many
-- Global: the chain covers a whole deployment.
SELECT xid::text::bigint AS xid, org_id, at, id, event, outcome, code, parent_code, other, user_id, device, device_at
FROM scan
WHERE xid::text::bigint >= @from_xid::bigint AND xid::text::bigint < @horizon::bigint
ORDER BY xid::text::bigint, org_id, at, id;

-- name: unsealed :one
-- Global: the chain covers a whole deployment.
SELECT (SELECT count(*) FROM sealed.audit_log WHERE xid::text::bigint >= @horizon::bigint) AS entries,
       (SELECT count(*) FROM scan WHERE xid::text::bigint >= @horizon::bigint) AS scans;

-- Rows without a seal that bear a time from before one.
-- name: unsealedBefore :many
-- Global: the chain covers a whole deployment.
SELECT org_id, at, id FROM sealed.audit_log WHERE xid::text::bigint >= @horizon::bigint AND at < @before::timestamptz ORDER BY at LIMIT @most;

-- How old the oldest row without a seal is, in seconds; 0 where every row has one.
-- name: lag :one
-- Global: the chain covers a whole deployment.
WITH last AS (SELECT coalesce(max(s.horizon), 0) AS horizon FROM sealed.seal s)
SELECT coalesce(extract(epoch FROM now() - least(
    (SELECT min(l.at) FROM sealed.audit_log l WHERE l.xid::text::bigint >= (SELECT last.horizon FROM last)),
    (SELECT min(c.at) FROM scan c WHERE c.xid::text::bigint >= (SELECT last.horizon FROM last)))), 0)::float8 AS seconds;

-- name: archives :many
-- Global: the chain covers a whole deployment.
SELECT month, file, sha256, entries, kept, archived_at, mac FROM sealed.archive ORDER BY month;

-- Months whose rows may move into files: those up to one, unless they have.
-- name: monthsInLog :many
-- Global: the chain covers a whole deployment.
SELECT replace(right(c.relname, 7), '_', '-')::text AS month FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'sealed.audit_log'::regclass AND replace(right(c.relname, 7), '_', '-') < @before::text
  AND NOT EXISTS (SELECT FROM sealed.archive a WHERE a.month = replace(right(c.relname, 7), '_', '-'))
ORDER BY 1;

-- One archives at a time: what another has retired must not be read once more, and its file not written over.
-- name: takeTurn :one
-- Global: the chain covers a whole deployment.
SELECT set_config('idle_in_transaction_session_timeout', '0', true), set_config('lock_timeout', '2s', true),
       pg_try_advisory_xact_lock(hashtext('traitortrack audit archive')) AS ours;

-- name: isRetired :one
-- Global: the chain covers a whole deployment.
SELECT EXISTS (SELECT FROM sealed.archive WHERE month = @month);

-- name: rowsOfMonth :many
-- Global: the chain covers a whole deployment.
SELECT org_id, at, id, user_id, action, entity_type, entity_id, details, before_state, after_state, address_token,
       person_token, request_id, xid::text::bigint AS xid
FROM sealed.audit_log WHERE at >= @since AND at < @until
ORDER BY xid::text::bigint, org_id, at, id;

-- The first seal that may cover rows from a time on.
-- name: sealSince :one
-- Global: the chain covers a whole deployment.
SELECT coalesce(min(seq), 0)::bigint FROM sealed.seal WHERE sealed_at >= @since;

-- name: retireMonth :exec
-- Global: the chain covers a whole deployment.
SELECT sealed.retire_month(ROW(@month::text, @file::text, @sha256::bytea, @entries::bigint, @kept::bytea, @archived_at::timestamptz, @mac::bytea)::sealed.archive,
                           @kept_actions::text[]);

-- The lists of the audit page: one for each index. What else is asked for is a filter on the way.

-- name: newest :many
SELECT l.*, coalesce(u.username, '')::text AS username FROM audit_log l LEFT JOIN "user" u ON u.org_id = l.org_id AND u.id = l.user_id
WHERE l.org_id = @org_id AND l."timestamp" >= @since AND (l."timestamp", l.id) < (@before::timestamptz, @before_id::bigint)
ORDER BY l."timestamp" DESC, l.id DESC LIMIT @most;

-- name: newestOfAction :many
SELECT l.*, coalesce(u.username, '')::text AS username FROM audit_log l LEFT JOIN "user" u ON u.org_id = l.org_id AND u.id = l.user_id
WHERE l.org_id = @org_id AND l.action = @action
  AND l."timestamp" >= @since AND (l."timestamp", l.id) < (@before::timestamptz, @before_id::bigint)
ORDER BY l."timestamp" DESC, l.id DESC LIMIT @most;

-- name: newestOfUser :many
SELECT l.*, coalesce(u.username, '')::text AS username FROM audit_log l LEFT JOIN "user" u ON u.org_id = l.org_id AND u.id = l.user_id
WHERE l.org_id = @org_id AND l.user_id = @user_id::bigint AND l.action = coalesce(sqlc.narg('action'), l.action)
  AND l."timestamp" >= @since AND (l."timestamp", l.id) < (@before::timestamptz, @before_id::bigint)
ORDER BY l."timestamp" DESC, l.id DESC LIMIT @most;

-- name: newestOfEntity :many
SELECT l.*, coalesce(u.username, '')::text AS username FROM audit_log l LEFT JOIN "user" u ON u.org_id = l.org_id AND u.id = l.user_id
WHERE l.org_id = @org_id AND l.entity_type = @entity_type AND l.entity_id = coalesce(sqlc.narg('entity_id'), l.entity_id)
  AND l.user_id IS NOT DISTINCT FROM coalesce(sqlc.narg('user_id'), l.user_id) AND l.action = coalesce(sqlc.narg('action'), l.action)
  AND l."timestamp" >= @since AND (l."timestamp", l.id) < (@before::timestamptz, @before_id::bigint)
ORDER BY l."timestamp" DESC, l.id DESC LIMIT @most;

-- name: userNamed :one
SELECT id FROM "user" WHERE org_id = @org_id AND lower(username) = lower(@username);

-- name: userNames :many
SELECT id, username FROM "user" WHERE org_id = @org_id AND id = ANY(@ids::bigint[]);

-- The actions that occur: one step over the index for each, however many rows there are.
-- name: actions :many
WITH RECURSIVE found AS (
    (SELECT l.action FROM sealed.audit_log l WHERE l.org_id = @org_id ORDER BY l.action LIMIT 1)
    UNION ALL
    SELECT (SELECT l.action FROM sealed.audit_log l WHERE l.org_id = @org_id AND l.action > f.action ORDER BY l.action LIMIT 1)
    FROM found f WHERE f.action IS NOT NULL
)
SELECT f.action::text AS action FROM found f WHERE f.action IS NOT NULL;
