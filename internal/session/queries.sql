-- name: insertSession :exec
INSERT INTO session (token_hash, user_id, session_epoch, data, device, address, created_at, last_used_at, expires_at)
VALUES (@token_hash, @user_id, @session_epoch, @data, @device, @address, @now, @now, @expires_at);

-- name: findSession :one
SELECT data, last_used_at, expires_at FROM session WHERE token_hash = @token_hash;

-- Requests of one session that come together write once: the others find that the row says so already.
-- name: touchSession :exec
UPDATE session SET last_used_at = @now WHERE token_hash = @token_hash AND last_used_at <= @not_since;

-- name: deleteSession :exec
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
