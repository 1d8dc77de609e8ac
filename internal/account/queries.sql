-- Users are global: a name is unique across organizations.

-- name: findByName :one
SELECT id, org_id, username, role, coalesce(area, '')::text AS area, password_hash, active, session_epoch, must_change_password
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

-- name: forcePassword :execrows
UPDATE "user" SET must_change_password = true WHERE org_id = @org_id AND id = @id AND active;

-- name: raiseEpoch :execrows
UPDATE "user" SET session_epoch = session_epoch + 1 WHERE org_id = @org_id AND id = @id;

-- name: getByID :one
SELECT id, org_id, username, role, coalesce(area, '')::text AS area, password_hash, active, session_epoch, must_change_password
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
SELECT key_id, sealed, last_step, (confirmed_at IS NOT NULL)::boolean AS confirmed FROM totp WHERE org_id = @org_id AND user_id = @user_id FOR UPDATE;

-- name: insertTOTP :execrows
INSERT INTO totp (org_id, user_id, key_id, sealed, created_at) VALUES (@org_id, @user_id, @key_id, @sealed, @now)
ON CONFLICT (org_id, user_id) DO UPDATE SET key_id = EXCLUDED.key_id, sealed = EXCLUDED.sealed, created_at = EXCLUDED.created_at, last_step = 0
WHERE totp.confirmed_at IS NULL;

-- name: confirmTOTP :exec
UPDATE totp SET confirmed_at = @now::timestamptz WHERE org_id = @org_id AND user_id = @user_id;

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

-- name: notifyAdmins :exec
INSERT INTO notification (org_id, user_id, kind, message, link, subject_id)
SELECT u.org_id, u.id, @kind, @message, @link, @subject_id FROM "user" u WHERE u.org_id = @org_id AND u.role = 'admin' AND u.active;
