-- +goose Up

-- A session's last use is written every minute. No index holds it, so that the row is all that is written (a heap-only tuple), and
-- pages keep room for that.
DROP INDEX session_user_idx;
CREATE INDEX session_user_idx ON session (user_id);
ALTER TABLE session SET (fillfactor = 70);
