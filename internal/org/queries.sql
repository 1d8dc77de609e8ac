-- name: getOrganization :one
SELECT id, name, time_zone FROM organization WHERE id = @org_id;

-- name: listFormats :many
SELECT id, name, parent_pattern, capacity, child_grams FROM bag_format WHERE org_id = @org_id ORDER BY id;

-- name: insertOrganization :one
INSERT INTO organization (name, time_zone) VALUES (@name, @time_zone) RETURNING id;

-- name: insertFormat :exec
INSERT INTO bag_format (org_id, name, parent_pattern, capacity, child_grams)
VALUES (@org_id, @name, @parent_pattern, @capacity, @child_grams);

-- Organizations are global: the commands of operators list them all.

-- name: listOrganizations :many
SELECT id, name, time_zone, created_at::timestamptz AS since FROM organization ORDER BY id;
