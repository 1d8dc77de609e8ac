-- +goose Up
-- An erasure searches the values of nobody known from end to end, and finds the person's own on the way. Nothing else asks
-- by user, and the index was written with each row of the audit log.
DROP INDEX sealed.personal_user_idx;

-- +goose Down
CREATE INDEX personal_user_idx ON sealed.personal (org_id, user_id) WHERE user_id IS NOT NULL;
