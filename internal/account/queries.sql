-- Users are global: a name is unique across organizations.

-- name: findByName :one
SELECT id, org_id, username, coalesce(email, '')::text AS email, role, coalesce(area, '')::text AS area, password_hash, active, session_epoch, must_change_password
FROM "user" WHERE lower(username) = lower(@username);

-- name: getStanding :one
SELECT u.org_id, u.username, u.role, coalesce(u.area, '')::text AS area, u.active, u.session_epoch, u.must_change_password,
       EXISTS (SELECT FROM totp t WHERE t.org_id = u.org_id AND t.user_id = u.id AND t.confirmed_at IS NOT NULL) AS enrolled
FROM "user" u WHERE u.id = @id;

-- name: insertUser :one
INSERT INTO "user" (org_id, username, email, role, area, password_hash)
VALUES (@org_id, @username, nullif(@email::text, ''), @role, nullif(@area::text, ''), @password_hash)
RETURNING id;

-- name: setPassword :execrows
UPDATE "user" SET password_hash = @password_hash, session_epoch = session_epoch + 1, must_change_password = false
WHERE org_id = @org_id AND id = @id;

-- The old hash proves that nobody changed the password since it was checked.
-- name: changePassword :execrows
UPDATE "user" SET password_hash = @password_hash, session_epoch = session_epoch + 1, must_change_password = false
WHERE org_id = @org_id AND id = @id AND active AND password_hash = @old_hash;

-- name: getNames :one
SELECT username, coalesce(email, '')::text AS email FROM "user" WHERE org_id = @org_id AND id = @id;

-- name: forcePassword :execrows
UPDATE "user" SET must_change_password = true WHERE org_id = @org_id AND id = @id AND active;

-- Somebody who is to be changed is held first; then what is read of them and of their links stays as it is.
-- name: holdUser :one
SELECT username, coalesce(email, '')::text AS email, active FROM "user" WHERE org_id = @org_id AND id = @id FOR NO KEY UPDATE;

-- name: insertLink :one
INSERT INTO password_link (org_id, user_id, purpose, created_at, expires_at)
VALUES (@org_id, @user_id, @purpose, @now, @expires_at) RETURNING id;

-- A mail address may be that of several accounts. Where it is nobody's, anybody stands in.
-- name: findForgotten :many
-- Global: a name or an address is typed before anybody knows whose it is.
WITH found AS (
    SELECT n.id, n.org_id FROM "user" n WHERE n.active AND n.email IS NOT NULL AND lower(n.username) = lower(@typed)
    UNION
    SELECT m.id, m.org_id FROM "user" m WHERE m.active AND lower(m.email) = lower(@typed)
    ORDER BY id LIMIT @most)
SELECT id, org_id, true AS known FROM found
UNION ALL
(SELECT id, org_id, false FROM "user" WHERE NOT EXISTS (SELECT FROM found) ORDER BY id LIMIT 1);

-- name: findLink :one
-- Global: a link is found by its token, before anybody knows whose it is.
SELECT l.org_id, l.user_id, l.purpose, l.expires_at, l.used_at, u.username, coalesce(u.email, '')::text AS email, u.active
FROM password_link l JOIN "user" u ON u.id = l.user_id WHERE l.token_hash = @token_hash;

-- One that was used ends the others.
-- name: useLinks :exec
UPDATE password_link SET used_at = @now::timestamptz WHERE org_id = @org_id AND user_id = @user_id AND used_at IS NULL;

-- name: deleteLinks :execrows
DELETE FROM password_link WHERE org_id = @org_id AND user_id = @user_id AND used_at IS NULL;

-- name: deleteOldLinks :exec
-- Global: those of every organization that can no longer matter.
DELETE FROM password_link WHERE expires_at < @before;

-- name: raiseEpoch :execrows
UPDATE "user" SET session_epoch = session_epoch + 1 WHERE org_id = @org_id AND id = @id;

-- name: raiseEpochs :many
-- Global: an operator logs everybody out.
WITH raised AS (UPDATE "user" SET session_epoch = session_epoch + 1 RETURNING org_id)
SELECT org_id, count(*) FROM raised GROUP BY org_id ORDER BY org_id;

-- name: getByID :one
SELECT id, org_id, username, coalesce(email, '')::text AS email, role, coalesce(area, '')::text AS area, password_hash, active, session_epoch, must_change_password
FROM "user" WHERE id = @id;

-- name: noteLogin :exec
UPDATE "user" SET last_login_at = @now::timestamptz WHERE org_id = @org_id AND id = @id;

-- Whoever changed the password meanwhile keeps theirs.
-- name: rehashPassword :exec
UPDATE "user" SET password_hash = @password_hash WHERE org_id = @org_id AND id = @id AND password_hash = @old_hash;

-- Failures are counted by what was typed, before anybody knows whose it is.
-- name: getLock :one
-- Global: names are.
SELECT locked_until FROM login_lock WHERE name_hash = sha256(convert_to(lower(@typed::text), 'UTF8'));

-- It writes a row even for nobody's name, and holds it until the end of the transaction.
-- name: holdLock :one
-- Global: names are.
INSERT INTO login_lock (name_hash, touched_at) VALUES (sha256(convert_to(lower(@typed::text), 'UTF8')), @now)
ON CONFLICT (name_hash) DO UPDATE SET touched_at = EXCLUDED.touched_at
RETURNING failures, last_failed_at, locked_until;

-- name: writeLock :exec
-- Global: names are.
UPDATE login_lock SET failures = @failures, last_failed_at = sqlc.narg('last_failed_at'), locked_until = sqlc.narg('locked_until')
WHERE name_hash = sha256(convert_to(lower(@typed::text), 'UTF8'));

-- name: deleteLock :execrows
-- Global: names are.
DELETE FROM login_lock WHERE name_hash = sha256(convert_to(lower(@typed::text), 'UTF8'));

-- name: deleteOldLocks :exec
-- Global: names are.
DELETE FROM login_lock WHERE touched_at < @before;

-- name: holdTOTP :one
SELECT key_id, sealed, last_step, (confirmed_at IS NOT NULL)::boolean AS confirmed, coalesce(next_key_id, '')::text AS next_key_id, next_sealed, next_at
FROM totp WHERE org_id = @org_id AND user_id = @user_id FOR UPDATE;

-- name: getBegun :one
SELECT coalesce(next_key_id, key_id)::text AS key_id, coalesce(next_sealed, sealed)::bytea AS sealed FROM totp
WHERE org_id = @org_id AND user_id = @user_id AND (confirmed_at IS NULL OR next_at > @since::timestamptz);

-- name: replaceTOTP :exec
UPDATE totp SET next_key_id = @key_id::text, next_sealed = @sealed::bytea, next_at = @now::timestamptz WHERE org_id = @org_id AND user_id = @user_id;

-- name: insertTOTP :execrows
INSERT INTO totp (org_id, user_id, key_id, sealed, created_at) VALUES (@org_id, @user_id, @key_id, @sealed, @now)
ON CONFLICT (org_id, user_id) DO UPDATE SET key_id = EXCLUDED.key_id, sealed = EXCLUDED.sealed, created_at = EXCLUDED.created_at, last_step = 0
WHERE totp.confirmed_at IS NULL;

-- name: confirmTOTP :exec
UPDATE totp SET key_id = @key_id, sealed = @sealed, last_step = @step, confirmed_at = @now::timestamptz, next_key_id = NULL, next_sealed = NULL, next_at = NULL
WHERE org_id = @org_id AND user_id = @user_id;

-- name: useStep :execrows
UPDATE totp SET last_step = @step WHERE org_id = @org_id AND user_id = @user_id AND last_step < @step;

-- name: resealTOTP :exec
UPDATE totp SET key_id = @key_id, sealed = @sealed WHERE org_id = @org_id AND user_id = @user_id;

-- name: deleteTOTP :execrows
DELETE FROM totp WHERE org_id = @org_id AND user_id = @user_id;

-- name: deleteRecoveryCodes :exec
DELETE FROM recovery_code WHERE org_id = @org_id AND user_id = @user_id;

-- name: insertRecoveryCodes :exec
INSERT INTO recovery_code (org_id, user_id, code_hash) SELECT @org_id, @user_id, unnest(@code_hashes::bytea[]);

-- name: useRecoveryCode :execrows
UPDATE recovery_code SET used_at = @now::timestamptz WHERE org_id = @org_id AND user_id = @user_id AND code_hash = @code_hash AND used_at IS NULL;

-- name: countRecoveryCodes :one
SELECT count(*) FROM recovery_code WHERE org_id = @org_id AND user_id = @user_id AND used_at IS NULL;

-- API tokens. Whoever makes one holds its owner, so that two at once do not pass the most that one may have.
-- name: holdOwner :one
SELECT role FROM "user" WHERE org_id = @org_id AND id = @id AND active FOR NO KEY UPDATE;

-- name: countTokens :one
SELECT count(*) FROM api_token WHERE org_id = @org_id AND user_id = @user_id;

-- name: insertToken :one
INSERT INTO api_token (org_id, user_id, name, prefix, token_hash, scopes, created_at, expires_at)
VALUES (@org_id, @user_id, @name, @prefix, @token_hash, @scopes, @created_at, @expires_at)
RETURNING id;

-- name: listTokens :many
SELECT id, name, prefix, scopes, created_at, expires_at, last_used_at FROM api_token
WHERE org_id = @org_id AND user_id = @user_id ORDER BY id DESC;

-- name: deleteToken :one
DELETE FROM api_token WHERE org_id = @org_id AND user_id = @user_id AND id = @id RETURNING name, prefix, scopes;

-- name: findToken :one
-- Global: whose a token is stands in its row.
SELECT org_id, id, user_id, scopes, expires_at, last_used_at FROM api_token WHERE token_hash = @token_hash;

-- Requests of one token that come together write once: the others find that the row says so already.
-- name: touchToken :exec
UPDATE api_token SET last_used_at = @now::timestamptz WHERE org_id = @org_id AND id = @id AND (last_used_at IS NULL OR last_used_at <= @not_since::timestamptz);

-- One has twenty at most: reading all of them once an hour costs less than an index that each of them is written to.
-- name: deleteOldTokens :exec
-- Global: a job clears up for all.
DELETE FROM api_token WHERE expires_at < @before;
