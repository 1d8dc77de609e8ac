-- name: insertSession :exec
INSERT INTO session (token_hash, user_id, session_epoch, data, device, address, created_at, last_used_at, expires_at, pending)
VALUES (@token_hash, @user_id, @session_epoch, @data, @device, @address, @now, @now, @expires_at, @pending);

-- Reads a session and, where that is due, writes that it is used. Requests of one session that come together write once: the others
-- find that the row says so already. Nobody waits for the disk, since a crash costs no more than the last use of a moment.
-- name: useSession :one
-- Global: a session is a user's, whatever their organization.
WITH found AS (SELECT s.data, s.last_used_at, s.expires_at FROM session s WHERE s.token_hash = @token_hash),
used AS (
    UPDATE session s SET last_used_at = @now
    WHERE s.token_hash = @token_hash AND s.last_used_at <= @due_since AND s.last_used_at > @idle_since)
SELECT found.data, found.last_used_at, found.expires_at FROM found, set_config('synchronous_commit', 'off', true);

-- name: deleteSession :execrows
DELETE FROM session WHERE token_hash = @token_hash;

-- name: deleteExpired :exec
DELETE FROM session WHERE expires_at <= @now;

-- name: getGeneration :one
SELECT generation FROM session_generation;

-- Nobody raises the generation until the transaction that holds it has ended.
-- name: holdGeneration :one
SELECT generation FROM session_generation FOR SHARE;

-- name: raiseGeneration :one
UPDATE session_generation SET generation = generation + 1 RETURNING generation;

-- Whether a session goes on depends on its user's epoch, too.
-- name: listSessions :many
SELECT s.token_hash, s.device, s.address, s.created_at, s.last_used_at
FROM session s JOIN "user" u ON u.id = s.user_id AND u.session_epoch = s.session_epoch
WHERE s.user_id = @user_id AND NOT s.pending AND s.expires_at > @now AND s.last_used_at > @used_since
ORDER BY s.last_used_at DESC, s.token_hash LIMIT @most;

-- name: isSessionOf :one
SELECT EXISTS (SELECT FROM session WHERE token_hash = @token_hash AND user_id = @user_id AND NOT pending);
