-- name: insertSession :exec
INSERT INTO session (token_hash, user_id, session_epoch, data, device, address, created_at, last_used_at, expires_at, pending)
VALUES (@token_hash, @user_id, @session_epoch, @data, @device, @address, @now, @now, @expires_at, @pending);

-- name: findSession :one
SELECT data, last_used_at, expires_at FROM session WHERE token_hash = @token_hash;

-- Requests of one session that come together write once: the others find that the row says so already.
-- name: touchSession :exec
UPDATE session SET last_used_at = @now WHERE token_hash = @token_hash AND last_used_at <= @not_since;

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
