-- +goose Up

-- The admins of an organization, who are told of what happens: without it, each bill that is completed reads everybody's row.
CREATE INDEX user_admins_idx ON "user" (org_id) WHERE active AND role = 'admin';
